package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/consensusd/consensusd/dbgen/postgres"
	"github.com/consensusd/consensusd/dbgen/sqlite"
	"github.com/consensusd/consensusd/schema"
)

// oldestPostgres is the oldest version that is still tested against, as
// server_version_num counts.
const oldestPostgres = 140000

const (
	// postgresConnections is how many one pool opens at most. A daemon records
	// over one at a time; its readers take a few.
	postgresConnections = 8
	// connectTimeout is how long one host of the address may take to answer. The
	// hosts are tried in turn: several that are dead must leave time for another.
	connectTimeout = 3 * time.Second
	// openTimeout bounds all that is asked of a server before it is recorded with.
	openTimeout = 30 * time.Second
	// attemptTimeout is how long an attempt at a transaction may take: a server
	// that was cut off does not say so. It doubles each time that it was too short,
	// slowest times at most, in case that a large transaction over a slow line is
	// all there is to it.
	attemptTimeout = 10 * time.Second
	slowest        = 4
)

type postgresEngine struct{}

func openPostgres(ctx context.Context, target string) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	config, err := postgresConfig(target)
	if err != nil {
		return nil, err
	}
	config.ValidateConnect = mayRecordOver
	// Look first: a database of a later program, or another's, stays as it is.
	s, err := readPostgres(ctx, config, target)
	var older *schema.OlderError
	if err != nil && !errors.As(err, &older) {
		return nil, explainPostgres(err)
	}
	direct, err := isDirect(ctx, s.reader)
	var options []stdlib.OptionOpenDB
	if direct {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		options = append(options, stdlib.OptionAfterConnect(neverIdle))
	}
	s.writer, s.stmts = postgresPool(config, options...), postgresStatements{}
	if err == nil {
		err = readyToRecord(ctx, s.writer)
	}
	if err != nil {
		return nil, errors.Join(explainPostgres(err), s.Close())
	}
	return s, nil
}

func openPostgresReadOnly(ctx context.Context, target string) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	config, err := postgresConfig(target)
	if err != nil {
		return nil, err
	}
	s, err := readPostgres(ctx, config, target)
	if err == nil {
		return s, nil
	}
	var older *schema.OlderError
	if errors.As(err, &older) {
		s.Close()
		if older.Have == 0 {
			return nil, fmt.Errorf("it has no tables yet: %w", ErrNoDatabase)
		}
	}
	return nil, explainPostgres(err)
}

// readPostgres opens a database for reading. When its schema is older than this
// program's, it returns the store together with the [*schema.OlderError].
func readPostgres(ctx context.Context, config *pgx.ConnConfig, target string) (*Store, error) {
	s := &Store{engine: postgresEngine{}, reader: postgresPool(config), target: target}
	server, err := postgres.New(s.reader).Server(ctx)
	switch {
	case err != nil:
	case server.Version < oldestPostgres:
		err = fmt.Errorf("server is PostgreSQL %d: version %d or later is needed", server.Version/10000, oldestPostgres/10000)
	case server.Encoding != "UTF8":
		err = fmt.Errorf("database has the encoding %s: create one with ENCODING 'UTF8' TEMPLATE template0", server.Encoding)
	default:
		err = schema.Check(ctx, s.reader, schema.Postgres)
	}
	var older *schema.OlderError
	if err != nil && !errors.As(err, &older) {
		s.reader.Close()
		return nil, err
	}
	return s, err
}

// readyToRecord brings the schema up to date, and returns why nothing should be
// recorded over db, nil when all is well.
func readyToRecord(ctx context.Context, db *sql.DB) error {
	if err := schema.Migrate(ctx, db, schema.Postgres); err != nil {
		return err
	}
	return postgresEngine{}.probe(ctx, db)
}

// isDirect reports whether connections lead to the server itself: a pooler such
// as PgBouncer tells its clients another process id than the server's. Only then
// may statements be prepared by name, as behind a pooler they do not outlive
// their transaction.
func isDirect(ctx context.Context, db *sql.DB) (direct bool, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	pid, err := postgres.New(conn).BackendPID(ctx)
	if err != nil {
		return false, err
	}
	err = conn.Raw(func(c any) error {
		direct = int64(c.(*stdlib.Conn).Conn().PgConn().PID()) == pid
		return nil
	})
	return direct, err
}

// postgresConfig reads an address. What the driver says of a bad one may hold
// the password, so that is not repeated.
func postgresConfig(target string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(target)
	var bad *pgconn.ParseConfigError
	var file *fs.PathError
	address, _, _ := strings.Cut(target, "?")
	switch {
	case errors.As(err, &file): // a certificate that the address names
		return nil, fmt.Errorf("%w: %w", ErrAddress, file)
	case errors.As(err, &bad), strings.Count(address, "@") > 1:
		return nil, badAddress()
	case err != nil:
		return nil, err
	}
	// Statements are described once, and prepared by name nowhere: see isDirect.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil && !strings.Contains(target, "target_session_attrs=") {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	config.OnNotice = noteUnreplicated
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "consensusd"
	}
	return config, nil
}

func postgresPool(config *pgx.ConnConfig, options ...stdlib.OptionOpenDB) *sql.DB {
	db := stdlib.OpenDB(*config, options...)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxIdleTime(time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
	return db
}

func (postgresEngine) read(db sqlite.DBTX) sqlite.Querier {
	return postgresQueries{postgres.New(db)}
}

// postgresStatements are prepared by the driver if at all: see isDirect.
type postgresStatements struct{}

func (postgresStatements) in(tx *sql.Tx) sqlite.Querier { return postgresQueries{postgres.New(tx)} }
func (postgresStatements) Close() error                 { return nil }

// deadline doubles the time for every attempt that took too long before. The
// caller may end an attempt: whatever becomes of it, it may be tried again.
func (postgresEngine) deadline(ctx context.Context, slow int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, attemptTimeout<<min(slow, slowest))
}

// reconnect closes the connections that are not in use: after a fail-over they
// lead to the wrong server.
func (postgresEngine) reconnect(db *sql.DB) {
	db.SetMaxIdleConns(-1)
	db.SetMaxIdleConns(postgresConnections)
}

// persist has nothing to do: what another transaction committed is seen when it
// is safe, and the rows that a transaction locks make its own commit wait.
func (postgresEngine) persist(context.Context, *sql.Tx) error { return nil }

func (postgresEngine) close() error { return nil }

func (postgresEngine) probe(ctx context.Context, db *sql.DB) error {
	may, err := postgres.New(db).MayWrite(ctx)
	switch {
	case err != nil:
		return err
	case may.ReadOnly == "on":
		return errors.New("server takes no writes: it is a standby, or read-only")
	case !may.Allowed:
		return errors.New("role may not write to all tables: let their owner GRANT SELECT, INSERT, UPDATE, DELETE on them")
	}
	return nil
}

// check looks for what the server's own constraints should have kept out.
func (postgresEngine) check(ctx context.Context, db *sql.DB) (lines []string, err error) {
	orphans, err := postgres.New(db).ListOrphans(ctx)
	for _, o := range orphans {
		lines = append(lines, fmt.Sprintf(foreignKeyPrefix+"%s %s has no run %s", o.Relation, o.ID, o.RunID))
	}
	return lines, err
}

func (postgresEngine) bytes(ctx context.Context, db *sql.DB) (int64, error) {
	return postgres.New(db).Sizes(ctx)
}

// fileBytes: how the server keeps its log is its own business.
func (e postgresEngine) fileBytes(ctx context.Context, db *sql.DB) (int64, error) {
	return e.bytes(ctx, db)
}

// reclaim: autovacuum is the server's own business.
func (postgresEngine) reclaim(context.Context, *sql.DB) (isHeld bool, err error) { return false, nil }

// fileMode: who may read it the server decides, and no file knows.
func (postgresEngine) fileMode() fs.FileMode { return 0o600 }
