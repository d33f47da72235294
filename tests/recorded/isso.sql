-- Dumped from a database that Isso 0.14.0 wrote through its own code; voters cut short, preferences left out.
BEGIN TRANSACTION;
CREATE TABLE comments (
                tid REFERENCES threads(id),
                id INTEGER PRIMARY KEY,
                parent INTEGER,
                created FLOAT NOT NULL,
                modified FLOAT,
                mode INTEGER,
                remote_addr VARCHAR,
                text VARCHAR NOT NULL,
                author VARCHAR,
                email VARCHAR,
                website VARCHAR,
                likes INTEGER DEFAULT 0,
                dislikes INTEGER DEFAULT 0,
                voters BLOB NOT NULL,
                notification INTEGER DEFAULT 0
            );
INSERT INTO "comments" VALUES(1,1,NULL,1600000000.25,NULL,1,'203.0.113.0','Hello *world*','Ada','Ada@example.org','https://ada.example',0,0,X'00000000',0);
INSERT INTO "comments" VALUES(1,2,1,1600000100.0,NULL,1,'203.0.113.0','Reply','Bob',NULL,NULL,0,0,X'00000000',0);
INSERT INTO "comments" VALUES(1,3,NULL,1600000200.0,NULL,2,'203.0.113.0','Waits',NULL,NULL,NULL,0,0,X'00000000',0);
INSERT INTO "comments" VALUES(2,4,NULL,1600000300.0,NULL,4,'203.0.113.0','',NULL,NULL,NULL,0,0,X'00000000',0);
INSERT INTO "comments" VALUES(2,5,4,1600000400.0,NULL,1,'203.0.113.0','Keeps it',NULL,NULL,NULL,0,0,X'00000000',0);
CREATE TABLE threads (     id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));
INSERT INTO "threads" VALUES(1,'/2020/first/','First & foremost');
INSERT INTO "threads" VALUES(2,'https://b.example/second','Second');
CREATE TRIGGER remove_stale_threads AFTER DELETE ON comments BEGIN     DELETE FROM threads WHERE id NOT IN (SELECT tid FROM comments); END;
COMMIT;
PRAGMA user_version = 5;
