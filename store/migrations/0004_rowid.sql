-- A key that is declared INTEGER is the row's own number in SQLite: there is no second tree for it, and half as many pages
-- to write for a message. In PostgreSQL these columns are BIGINT.
CREATE TABLE messages_new (
	seq          INTEGER  NOT NULL PRIMARY KEY,
	account      TEXT     NOT NULL,
	conversation TEXT     NOT NULL,
	message      TEXT,
	state        SMALLINT NOT NULL,
	turn         BIGINT   NOT NULL DEFAULT 0,
	kept         BIGINT   NOT NULL,
	redacted     SMALLINT NOT NULL DEFAULT 0,
	UNIQUE (account, message)
);
INSERT INTO messages_new SELECT seq, account, conversation, message, state, turn, kept, redacted FROM messages;
DROP TABLE messages; -- with its index of what is undone: bodies has nothing else
ALTER TABLE messages_new RENAME TO messages;

CREATE TABLE bodies_new (
	seq  INTEGER NOT NULL PRIMARY KEY,
	body TEXT    NOT NULL
);
INSERT INTO bodies_new SELECT seq, body FROM bodies;
DROP TABLE bodies;
ALTER TABLE bodies_new RENAME TO bodies;

DROP TABLE bodies_anew;
CREATE TABLE bodies_anew (
	seq  INTEGER NOT NULL PRIMARY KEY,
	body TEXT    NOT NULL
);

CREATE TABLE turns_new (
	id           INTEGER NOT NULL PRIMARY KEY,
	account      TEXT    NOT NULL,
	conversation TEXT    NOT NULL,
	kind         TEXT    NOT NULL,
	state        TEXT    NOT NULL,
	epoch        BIGINT  NOT NULL,
	begun        BIGINT  NOT NULL,
	model        TEXT    NOT NULL DEFAULT '',
	final        TEXT    NOT NULL DEFAULT '',
	choices      TEXT    NOT NULL DEFAULT ''
);
INSERT INTO turns_new SELECT id, account, conversation, kind, state, epoch, begun, model, final, choices FROM turns;
DROP TABLE turns;
ALTER TABLE turns_new RENAME TO turns;
CREATE INDEX turns_undone ON turns (id) WHERE state IN ('running', 'answered');

CREATE TABLE questions_new (
	id           INTEGER  NOT NULL PRIMARY KEY,
	account      TEXT     NOT NULL,
	conversation TEXT     NOT NULL,
	person       TEXT     NOT NULL,
	provider     TEXT     NOT NULL,
	secret       SMALLINT NOT NULL,
	until        BIGINT   NOT NULL
);
INSERT INTO questions_new SELECT id, account, conversation, person, provider, secret, until FROM questions;
DROP TABLE questions;
ALTER TABLE questions_new RENAME TO questions;
