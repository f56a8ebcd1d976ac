package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/consensusd/consensusd/ingest"
	"github.com/consensusd/consensusd/serve"
	"github.com/consensusd/consensusd/store"
)

// A watcher is a daemon under way: it records, and beside that answers over HTTP,
// cleans up and makes backups.
type watcher struct {
	cli     *cli
	flags   *watching
	log     *slog.Logger
	server  *serve.Server // nil when it answers nobody
	store   *store.Store
	options ingest.Options
	in      *ingest.Ingester
}

// open takes the HTTP address and opens the database. Whatever it returns, close
// must be called.
func (w *watcher) open(ctx context.Context) (err error) {
	if w.server, err = w.cli.listen(w.flags, w.log); err != nil {
		return err
	}
	if w.store, err = store.Open(ctx, w.cli.database()); err != nil {
		return err
	}
	w.options = w.flags.options(w.cli.Home(), w.log)
	w.in = ingest.New(w.cli.Home(), w.store, w.options)
	return nil
}

func (w *watcher) close() {
	if w.store != nil {
		w.store.Close()
	}
	if w.server != nil {
		w.server.Close()
	}
}

// address is where it answers; "" when it does not.
func (w *watcher) address() string {
	if w.server == nil {
		return ""
	}
	return w.server.Addr()
}

// run records until ctx is done, and returns when all that it does has ended.
func (w *watcher) run(ctx context.Context, lock *ingest.Lock) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	b := &backer{store: w.store, archive: w.cli.archive(w.store), backups: w.cli.backups(), keep: w.flags.keep, log: w.log}
	beside.Go(func() { w.cli.cleanUpDaily(ctx, w.store, w.flags, w.log) })
	beside.Go(func() { w.cli.backUpDaily(ctx, b, time.Duration(w.flags.backup)) })
	if w.server != nil {
		beside.Go(func() { w.answer(ctx, b) })
	}
	if err := w.in.Watch(ctx, lock); err != nil {
		return err
	}
	w.log.Info("stopped; what is not recorded waits in the inbox")
	return nil
}

func (w *watcher) answer(ctx context.Context, b *backer) {
	warnings := func() []string { return append(b.warnings(), w.in.Warnings()...) }
	if err := w.server.Run(ctx, serve.Handler(w.in.Ready, warnings, metricsOf(w.in))); err != nil {
		w.log.Error("no longer answering HTTP; recording goes on", "error", err)
	}
}

func metricsOf(in *ingest.Ingester) http.Handler {
	v := versionOf()
	build := serve.Build{Version: v.Version, Revision: v.Revision, Go: v.Go, Database: v.Database}
	return serve.Metrics(build, func() serve.Figures { return serve.Figures(in.Figures()) })
}
