-- The buttons under an answer that is not delivered yet.
ALTER TABLE turns ADD COLUMN choices TEXT NOT NULL DEFAULT '';

-- Buttons that are shown as lines of text: what they say, and the number before it; 0: they are real buttons, or no more
-- to be taken by their number.
ALTER TABLE presses ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE presses ADD COLUMN line BIGINT NOT NULL DEFAULT 0;
CREATE INDEX presses_lines ON presses (account, conversation, person) WHERE line > 0;
