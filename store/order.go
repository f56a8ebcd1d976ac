package store

import (
	"cmp"
	"slices"
)

// Rows are locked in one order by every program that records: runs by id, and
// the receipts of a run, or those of a transaction that has no run, by key. So
// of two programs none waits for the other while the other waits for it.

func compareEntries(a, b Entry) int { return cmp.Compare(a.Run.RunID, b.Run.RunID) }

func compareReceipts(a, b Receipt) int {
	return compareDocuments(DocumentKey{a.SHA256, a.Identity}, DocumentKey{b.SHA256, b.Identity})
}

func compareDocuments(a, b DocumentKey) int {
	return cmp.Or(cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.Identity, b.Identity))
}

// inOrder returns the indices of rows in the order of compare, those of equal
// rows as they are.
func inOrder[Row any](rows []Row, compare func(a, b Row) int) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(rows[a], rows[b]) })
	return order
}
