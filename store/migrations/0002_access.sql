-- Who may talk to the bot, as owners granted it. role: 1 user, 2 owner.
CREATE TABLE access_grants (
	account    TEXT     NOT NULL,
	person     TEXT     NOT NULL,
	role       SMALLINT NOT NULL,
	everywhere SMALLINT NOT NULL, -- in groups too
	name       TEXT     NOT NULL,
	giver      TEXT     NOT NULL,
	since      BIGINT   NOT NULL,
	PRIMARY KEY (account, person)
);

-- Strangers who wait to be let in, and who are not wanted. hash is of the pairing code.
CREATE TABLE access_asks (
	account TEXT     NOT NULL,
	person  TEXT     NOT NULL,
	name    TEXT     NOT NULL,
	hash    TEXT     NOT NULL,
	denied  SMALLINT NOT NULL,
	until   BIGINT   NOT NULL,
	PRIMARY KEY (account, person)
);

-- Wrong codes, so that a restart gives no new tries.
CREATE TABLE access_tries (
	what  TEXT   NOT NULL PRIMARY KEY,
	wrong BIGINT NOT NULL,
	until BIGINT NOT NULL
);
