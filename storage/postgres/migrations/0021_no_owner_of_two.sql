-- A direct room has no owner: who made it read as one.
UPDATE membership SET role = 'member' FROM room
 WHERE room.id = membership.room_id AND room.kind = 'direct' AND membership.role = 'owner';
