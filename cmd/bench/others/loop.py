# Every document of a folder, a durable transaction each: loop.py DATABASE FOLDER JOURNAL
import datetime
import json
import os
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = " + sys.argv[3]).fetchall()
db.execute("PRAGMA synchronous = FULL")
folder = sys.argv[2]
for name in sorted(os.listdir(folder)):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        run = json.load(f)
    run_id, verdict = run["run_id"], run["synthesis"]["verdict"]
    at = int(datetime.datetime.fromisoformat(run["timestamp"].replace("Z", "+00:00")).timestamp())
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO consensus_runs VALUES (?, ?, ?, ?, ?, ?, '[]', '[]')",
               (run_id, run["spec_id"], run["stage"], at, verdict != "failed", verdict == "degraded"))
    db.executemany("INSERT INTO agent_artifacts VALUES (?, ?, ?, ?, '{}', ?)",
                   [(f"{run_id}-{i}", run_id, a["agent"], a["content"], at) for i, a in enumerate(run["agents"])])
    db.execute("INSERT INTO synthesis_results VALUES (?, ?, ?, ?, '{}', ?)",
               (f"{run_id}-s", run_id, run["synthesis"]["content"], verdict, at))
    db.execute("COMMIT")
db.close()
