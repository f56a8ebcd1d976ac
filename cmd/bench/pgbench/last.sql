SELECT r.run_id, r.spec_id, r.stage, r.timestamp, r.consensus_ok, r.degraded, r.missing_agents, r.conflicts
FROM consensus_runs r
WHERE r.timestamp >= :since AND r.timestamp <= :before
  AND (r.timestamp < :before OR r.run_id < '')
  AND (CAST('' AS TEXT) = '' OR r.stage = CAST('' AS TEXT))
  AND (CAST('' AS TEXT) = '' OR CAST('' AS TEXT) =
       CASE WHEN r.consensus_ok IS NOT TRUE THEN 'failed' WHEN r.degraded IS NOT FALSE THEN 'degraded' ELSE 'unanimous' END)
  AND (CAST('' AS TEXT) = '' OR (
       SELECT a.agent FROM agent_artifacts a WHERE a.run_id = r.run_id AND a.agent = CAST('' AS TEXT) LIMIT 1) IS NOT NULL)
ORDER BY r.timestamp DESC, r.run_id DESC
LIMIT CAST(11 AS BIGINT);
