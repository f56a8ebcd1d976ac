// Package torture breaks things around real consensusd processes, and then
// looks for what was lost, recorded twice or recorded by half. It holds tests
// only: a short part of each in make test, all of it in make torture, which sets
// CONSENSUSD_TORTURE.
package torture
