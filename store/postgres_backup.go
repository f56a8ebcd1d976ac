package store

// location: the database is a server's. Its own tools back it up consistently, and
// can bring it back to any moment.
func (postgresEngine) location(target string) (string, error) {
	return "", &hintedError{
		text: "backups of " + target + " are that server's own job",
		hint: "run pg_basebackup --dbname='" + target + "' --pgdata=FOLDER for the whole server, or pg_dump --format=custom --file=FILE '" + target +
			"' for this database; consensusd backup --export FILE.db copies all runs into a SQLite file",
	}
}
