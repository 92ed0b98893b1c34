-- What comes late for somebody (an answer that took long, a call that was under way) is not put down once they are
-- forgotten: such a row is left out, and nobody crashes of it.

-- The argument: the column that names the person. FOR SHARE waits for who forgets them, who then waits for us.
CREATE FUNCTION leave_out_the_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person       uuid;
    is_forgotten bool;
BEGIN
    EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO person USING NEW;
    SELECT a.is_forgotten INTO is_forgotten FROM account a WHERE a.id = person FOR SHARE;
    RETURN CASE WHEN is_forgotten THEN NULL ELSE NEW END;
END $$;

CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON listing_import
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON persona
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('owner_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON persona_choice
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON persona_feedback
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON persona_memory
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('about');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON persona_taste
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON plan_calendar
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON traveller
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('given_by');
CREATE TRIGGER not_for_the_forgotten BEFORE INSERT ON trip_quote
    FOR EACH ROW EXECUTE FUNCTION leave_out_the_forgotten('user_id');
