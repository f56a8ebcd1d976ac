package store

import (
	"context"
	"database/sql"
	"sync"
)

// questions are a pool that prepares each statement when it is first asked, and
// keeps it: understanding a short one takes SQLite as long as answering it.
type questions struct {
	*sql.DB
	prepared sync.Map // *sql.Stmt by its text
}

func (q *questions) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := q.prepared.Load(text); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := q.DB.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	kept, other := q.prepared.LoadOrStore(text, s)
	if other {
		s.Close()
	}
	return kept.(*sql.Stmt), nil
}

// QueryContext is that of [sql.DB].
func (q *questions) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := q.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext is that of [sql.DB], but is not interrupted once it has begun:
// to watch ctx until its end would be a quarter of what one row takes.
func (q *questions) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	s, err := q.statement(ctx, text)
	if err != nil || ctx.Err() != nil {
		return q.DB.QueryRowContext(ctx, text, args...) // only this tells the error
	}
	return s.QueryRowContext(context.WithoutCancel(ctx), args...)
}
