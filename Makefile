# make run     build and start recording in ./evidence
# make test    all tests, under the race detector; installs the servers they use if it may
# make test-ha breaks a PostgreSQL cluster while four daemons record into it; some four minutes
# make torture breaks everything on one machine: kills, power, storms, full disks
# make fuzz    feeds the parsers what nobody would write, FUZZTIME (10m) each
# make verify  generated code, formatting, vet, staticcheck, modules, layers
# make bench   recording into SQLite, asking and cleaning up, beside others; some twenty minutes
# make bench-postgres  recording into PostgreSQL, beside pgbench; some ten minutes

export CGO_ENABLED = 1
# SQLite trusts fdatasync only where it is told to. With fsync, every commit waits
# for whatever else the file system has in its journal, our own renames first.
export CGO_CFLAGS ?= -O2 -g -DHAVE_FDATASYNC=1
GO   ?= go
HOME_DIR ?= evidence

.PHONY: run build test verify generate clean toolchain servers test-ha torture fuzz bench bench-postgres

run: build
	@mkdir -p "$(HOME_DIR)/inbox"
	@exec ./bin/consensusd watch --home "$(HOME_DIR)"

build: toolchain
	$(GO) build -o bin/consensusd ./cmd/consensusd

test: toolchain servers
	$(GO) test -race -count=1 -timeout 30m ./...
	CONSENSUSD_TEST_ENGINE=postgres $(GO) test -race -count=1 -timeout 30m ./ingest

test-ha: toolchain
	@.ci/packages postgresql patroni etcd-server etcd-client
	$(GO) test -tags ha -count=1 -v -timeout 20m -run TestHighAvailability ./cmd/consensusd

# Where no package is named, go test prints what tests that pass have to say, too.
torture: toolchain
	@.ci/packages strace
	cd cmd/torture && CONSENSUSD_TORTURE=1 $(GO) test -count=1 -timeout 3h

fuzz: toolchain
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" .ci/fuzz

# sqlc needs no C compiler, and builds in half the time without.
verify: toolchain
	CGO_ENABLED=0 $(GO) tool sqlc diff
	CGO_ENABLED=0 $(GO) tool sqlc vet
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "gofmt these files:"; echo "$$files"; exit 1; }
	$(GO) vet -tags ha,faults ./...
	$(GO) tool staticcheck -tags ha,faults ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) test -run TestLayers ./cmd/consensusd

# What cannot be installed is absent in the table.
BENCH_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/consensusd-bench
bench: toolchain
	@.ci/packages sqlite3 python3 || true
	@command -v npm >/dev/null || .ci/packages nodejs npm || true
	@test -d "$(BENCH_CACHE)/node_modules/@duckdb/node-api" || \
		npm install --silent --no-save --no-package-lock --prefix "$(BENCH_CACHE)" @duckdb/node-api@1.5.6-r.1 || true
	$(GO) run ./cmd/bench sqlite -duckdb "$(BENCH_CACHE)"

bench-postgres: toolchain
	@.ci/packages postgresql
	$(GO) run ./cmd/bench postgres

generate:
	CGO_ENABLED=0 $(GO) tool sqlc generate

clean:
	rm -rf bin

# SQLite is C: say what is missing before the compiler's absence does.
toolchain:
	@command -v $(GO) >/dev/null || { \
		echo "consensusd needs Go 1.26 or later: https://go.dev/dl"; exit 1; }
	@command -v "$$($(GO) env CC)" >/dev/null || { \
		echo "consensusd needs a C compiler, for SQLite. Install one, then run make again:"; \
		echo "  Debian, Ubuntu   sudo apt-get install gcc libc6-dev"; \
		echo "  Fedora           sudo dnf install gcc"; \
		echo "  Alpine           sudo apk add gcc musl-dev"; \
		echo "  macOS            xcode-select --install"; exit 1; }

# Tests that lack a server are skipped, and fail in CI.
servers:
	@.ci/packages postgresql pgbouncer strace sqlite3
