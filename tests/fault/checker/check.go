package main

import (
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// A verdict is what is known of one session's history.
type verdict struct {
	session  string
	accepted bool
	// Whether time ran out before it was known.
	undecided bool
	// Where it was not accepted.
	explanation string
	info        porcupine.LinearizationInfo
}

var sessionModel = func() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []interface{} { return []interface{}{world{}} },
		Step: func(before, input, _ interface{}) []interface{} {
			worlds, _ := before.(world).step(input.(*operation))
			next := make([]interface{}, len(worlds))
			for i, w := range worlds {
				next[i] = w
			}
			return next
		},
		DescribeOperation: func(input, _ interface{}) string { return describe(input.(*operation)) },
		DescribeState:     func(w interface{}) string { return w.(world).String() },
	}
	return model.ToModel()
}()

// checkSession tells whether some order of the operations, in which each takes place between its call and its return,
// follows the contract.
func checkSession(session string, operations []operation, patience time.Duration) verdict {
	history := placed(operations)
	entries := make([]porcupine.Operation, len(history))
	for i := range history {
		entries[i] = porcupine.Operation{
			ClientId: history[i].Client, Input: &history[i], Call: history[i].Call, Return: history[i].Return,
		}
	}
	result, info := porcupine.CheckOperationsVerbose(sessionModel, entries, patience)
	v := verdict{session: session, accepted: result == porcupine.Ok, undecided: result == porcupine.Unknown, info: info}
	if !v.accepted {
		v.explanation = explain(history, info)
	}
	return v
}

// placed is the history without what changes nothing and tells nothing, in the order of the calls; an operation in doubt
// returns when it can no longer matter.
func placed(operations []operation) []operation {
	history := make([]operation, 0, len(operations))
	for _, op := range operations {
		if op.Result == resultFailed || op.Result == resultUnknown && (op.Op == opRead || op.Op == opLease) {
			continue
		}
		history = append(history, op)
	}
	sort.SliceStable(history, func(i, j int) bool { return history[i].Call < history[j].Call })
	// A server with a near store may serve under a fence that is outdated elsewhere, so what each has told counts for it.
	var outdated [servers + 1]fenceTimes
	for at := range outdated {
		outdated[at] = newFenceTimes(history, at)
	}
	for i := range history {
		op := &history[i]
		if op.Result == resultUnknown {
			op.Return = forever
			if fence := op.Args.Fence; fence != 0 {
				op.Return = outdated[op.At].after(fence, op.Call)
			}
		}
	}
	return history
}

// fenceTimes knows by when each fence was certainly outdated. An operation in doubt under that fence took place before
// then, or changes nothing for ever: so it need not be kept in mind for longer, which is what makes the check quick.
type fenceTimes struct {
	// Sorted by fence; `by` never falls.
	fences []uint64
	by     []int64
}

// newFenceTimes is of what the server `at` has told. The fence of a home is none that clients see.
func newFenceTimes(history []operation, at int) fenceTimes {
	earliest := map[uint64]int64{}
	for i := range history {
		op := &history[i]
		if op.At != at || op.Result != resultOK || op.Reply.Fence == nil || op.namesHome() {
			continue
		}
		if by, known := earliest[*op.Reply.Fence]; !known || op.Return < by {
			earliest[*op.Reply.Fence] = op.Return
		}
	}
	var t fenceTimes
	for fence := range earliest {
		t.fences = append(t.fences, fence)
	}
	sort.Slice(t.fences, func(i, j int) bool { return t.fences[i] < t.fences[j] })
	t.by = make([]int64, len(t.fences))
	soonest := int64(forever)
	for i := len(t.fences) - 1; i >= 0; i-- {
		if by := earliest[t.fences[i]]; by < soonest {
			soonest = by
		}
		t.by[i] = soonest
	}
	return t
}

// after is the time by which a later fence was seen, but not before `call`; forever when none was.
func (t fenceTimes) after(fence uint64, call int64) int64 {
	i := sort.Search(len(t.fences), func(i int) bool { return t.fences[i] > fence })
	if i == len(t.fences) {
		return forever
	}
	if t.by[i] < call {
		return call
	}
	return t.by[i]
}
