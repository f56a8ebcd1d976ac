.bail on
CREATE TABLE memories (id INTEGER PRIMARY KEY, content TEXT NOT NULL, tags TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE VIRTUAL TABLE memories_fts USING fts5 (content, tags, content = 'memories', content_rowid = 'id');
CREATE TRIGGER memories_insert AFTER INSERT ON memories BEGIN
    INSERT INTO memories_fts (rowid, content, tags) VALUES (new.id, new.content, new.tags);
END;
BEGIN;
