BEGIN TRANSACTION;
CREATE TABLE oauth_account (
	id CHAR(36) NOT NULL, 
	user_id CHAR(36) NOT NULL, 
	oauth_name VARCHAR(100) NOT NULL, 
	access_token VARCHAR(1024) NOT NULL, 
	expires_at INTEGER, 
	refresh_token VARCHAR(1024), 
	account_id VARCHAR(320) NOT NULL, 
	account_email VARCHAR(320) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE cascade
);
INSERT INTO "oauth_account" VALUES('27723a33-eec1-4b26-8952-45e72ee99aa3','80bca19f-0780-495c-b3d5-5089eff1d731','google','an access token',NULL,NULL,'people/108','Ada@example.com');
CREATE TABLE user (
	first_name VARCHAR(100), 
	id CHAR(36) NOT NULL, 
	email VARCHAR(320) NOT NULL, 
	hashed_password VARCHAR(1024) NOT NULL, 
	is_active BOOLEAN NOT NULL, 
	is_superuser BOOLEAN NOT NULL, 
	is_verified BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES('Ada','80bca19f-0780-495c-b3d5-5089eff1d731','Ada@example.com','$argon2id$v=19$m=65536,t=3,p=4$7UD7juhw4/NcCshEIG4atw$bcXlscDnZIlo0QXCk2WMwPaEMNa9MxZem33EK9X5TRU',1,1,1);
INSERT INTO "user" VALUES(NULL,'ddd604a7-6626-4a2a-a96f-a4fb98eab941','grace@example.com','$2b$04$IdkK9dgo9veXkSJu8s8mCOXkwCsg59UhsWV9F69wTglrCWkW8hKmW',1,0,0);
INSERT INTO "user" VALUES(NULL,'f452fad8-74b9-4629-a965-743bfa6e1be7','long@example.com','$2b$04$KP1VmM8pivvA0ajqKg/LtOOgieziCGWSE/hFAEBe.ZQtP1uMkrfB2',1,0,0);
INSERT INTO "user" VALUES(NULL,'513adfbc-8aeb-49db-8a68-70dfff9aa5dd','linus@example.com','$argon2id$v=19$m=65536,t=3,p=4$vp52ymNYviN8ArYNxWJgyw$nMmFIxfPRR5Znl8Z27YZfCyxxVHs55AzTrA3WABP798',0,0,0);
CREATE UNIQUE INDEX ix_user_email ON user (email);
CREATE INDEX ix_oauth_account_oauth_name ON oauth_account (oauth_name);
CREATE INDEX ix_oauth_account_account_id ON oauth_account (account_id);
COMMIT;
