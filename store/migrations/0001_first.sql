-- Times are milliseconds since 1970 in UTC; what is a list or a map is JSON. All of it works in PostgreSQL as it stands.

-- How far each account has read its service.
CREATE TABLE marks (
	account TEXT   NOT NULL,
	name    TEXT   NOT NULL,
	value   TEXT   NOT NULL,
	PRIMARY KEY (account, name)
);

-- What came. state: 0 queued, 1 in a turn, 2 done, 3 stopped. The row stays until it is pruned, so that the same message is
-- not taken twice.
CREATE TABLE messages (
	seq          BIGINT   NOT NULL PRIMARY KEY,
	account      TEXT     NOT NULL,
	conversation TEXT     NOT NULL,
	message      TEXT,
	state        SMALLINT NOT NULL,
	turn         BIGINT   NOT NULL DEFAULT 0,
	kept         BIGINT   NOT NULL,
	redacted     SMALLINT NOT NULL DEFAULT 0,
	UNIQUE (account, message)
);
CREATE INDEX messages_undone ON messages (seq) WHERE state < 2;

-- What the undone ones say. It is a table of its own, and so a small one, because SQLite leaves copies of a row in the gaps
-- of its pages, also with secure_delete: to blank one for good, all of it is written anew, by way of the second.
CREATE TABLE bodies (
	seq  BIGINT NOT NULL PRIMARY KEY,
	body TEXT   NOT NULL
);
CREATE TABLE bodies_anew (
	seq  BIGINT NOT NULL PRIMARY KEY,
	body TEXT   NOT NULL
);

-- The answering of messages. epoch is the conversation's when the turn began.
CREATE TABLE turns (
	id           BIGINT NOT NULL PRIMARY KEY,
	account      TEXT   NOT NULL,
	conversation TEXT   NOT NULL,
	kind         TEXT   NOT NULL,
	state        TEXT   NOT NULL,
	epoch        BIGINT NOT NULL,
	begun        BIGINT NOT NULL,
	model        TEXT   NOT NULL DEFAULT '',
	final        TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX turns_undone ON turns (id) WHERE state IN ('running', 'answered');

-- What was shown of an answer that is not done.
CREATE TABLE parts (
	turn    BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	message TEXT   NOT NULL,
	text    TEXT   NOT NULL,
	PRIMARY KEY (turn, n)
);

CREATE TABLE conversations (
	account      TEXT   NOT NULL,
	conversation TEXT   NOT NULL,
	title        TEXT   NOT NULL DEFAULT '',
	model        TEXT   NOT NULL DEFAULT '',
	pin          TEXT   NOT NULL DEFAULT '',
	thinking     SMALLINT,
	effort       TEXT   NOT NULL DEFAULT '',
	epoch        BIGINT NOT NULL DEFAULT 0,
	updated      BIGINT NOT NULL,
	extra        TEXT   NOT NULL DEFAULT '',
	PRIMARY KEY (account, conversation)
);

-- What a model is told of earlier turns, one part of the talk a row.
CREATE TABLE history (
	account      TEXT   NOT NULL,
	conversation TEXT   NOT NULL,
	epoch        BIGINT NOT NULL,
	n            BIGINT NOT NULL,
	made         BIGINT NOT NULL,
	body         TEXT   NOT NULL,
	PRIMARY KEY (account, conversation, epoch, n)
);

-- Questions that wait for an answer. The answers are never here.
CREATE TABLE questions (
	id           BIGINT   NOT NULL PRIMARY KEY,
	account      TEXT     NOT NULL,
	conversation TEXT     NOT NULL,
	person       TEXT     NOT NULL,
	provider     TEXT     NOT NULL,
	secret       SMALLINT NOT NULL,
	until        BIGINT   NOT NULL
);

-- What buttons mean. once: 0 any number of times, 1 once, 2 was used.
CREATE TABLE presses (
	id           TEXT     NOT NULL PRIMARY KEY,
	account      TEXT     NOT NULL,
	conversation TEXT     NOT NULL,
	person       TEXT     NOT NULL,
	action       TEXT     NOT NULL,
	until        BIGINT   NOT NULL,
	once         SMALLINT NOT NULL
);

CREATE TABLE settings (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
);
