-- A room that wakes asks which of its runs failed lately, to tell who saw them begin.
CREATE INDEX persona_run_failed ON persona_run (tenant_id, room_id, ended_at)
    WHERE outcome = 'failed' AND seq IS NULL;
