package main

import (
	"fmt"
	"strings"
	"testing"
)

// by is the last operation, of a server with a near store.
func by(server int, op *operation) *operation {
	op.At = server
	op.Near = true
	return op
}

// byPlain is the last operation, of a server without one.
func byPlain(server int, op *operation) *operation {
	op.At = server
	return op
}

func homeOf(server int) reply { return reply{Owner: text(fmt.Sprintf("home:1f@server%d:1", server))} }

func (r *recorded) refusedByHome(home int, op string, a args, reason string) *operation {
	refusal := r.refused(op, a, reason)
	refusal.Reply = homeOf(home)
	return refusal
}

func (r *recorded) settledA(revision uint64, value string) *operation {
	op := r.readA(revision, value)
	op.Args.Settled = true
	return op
}

const farther = uint64(1) << 33

func TestAcceptedOfNearStores(t *testing.T) {
	histories := map[string]func(r *recorded){
		"a session at home is refused elsewhere, whatever becomes of its lease": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.refusedByHome(1, opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld))
			by(2, r.refusedByHome(1, opCommit, under(1, one("1")), reasonStaleFence))
			r.pass(2 * second)
			by(2, r.refusedByHome(1, opCommit, one("1"), reasonLeaseHeld))
			by(2, r.add(operation{Op: opLease, Result: resultOK, Reply: homeOf(1)}))
		},
		"a read elsewhere of what was flushed, and then of something later": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			byPlain(2, r.readA(1, "1"))
			byPlain(2, r.readA(2, "2"))
			by(1, r.readA(2, "2"))
		},
		"a steal that loses what was not flushed, and a home that does not know": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(2, r.steal("y", farther))
			by(1, r.commit(under(1, one("3")), 3))
			by(2, r.readA(1, "1"))
			by(1, r.add(operation{Op: opRelease, Args: args{Fence: 1}, Result: resultOK}))
			by(1, r.readA(3, "3"))
			by(2, r.commit(under(farther, one("4")), 2))
			by(1, r.refusedByHome(2, opRenew, args{Fence: 1, TTL: second}, reasonStaleFence))
			by(1, r.settledA(2, "4"))
		},
		"what was asked before the session came home, and is answered past it once it is stolen": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.steal("y", farther))
			by(1, r.refused(opCommit, under(9, one("0")), reasonStaleFence)).Reply = reply{
				Fence: number(farther), Owner: text("y")}
			r.operations[2].Call = r.operations[0].Call
			by(1, r.commit(under(1, one("1")), 1))
		},
		"a session that is seen to be nobody's while it is taken": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.steal("y", farther))
			by(2, r.refused(opRead, args{Fence: 1}, reasonStaleFence)).Reply = reply{Fence: number(farther - 1), Owner: text("")}
			r.operations[1].Return = r.operations[2].Return
		},
		"a steal at which the revision leaps": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, named(7, one("1"))), 1))
			by(2, r.steal("y", farther))
			by(2, r.commit(under(farther, one("2")), leapOfASteal+2))
			by(2, r.commit(under(farther, named(7, one("1"))), 1))
		},
		"two steals at once, of which one takes a home that has not served yet": func(r *recorded) {
			by(2, r.acquire("x", 1))
			by(2, r.commit(under(1, one("1")), 1))
			by(1, r.steal("y", farther)).Reply.Revision = number(2*leapOfASteal + 1)
			by(2, r.steal("z", farther+1))
			r.operations[3].Call = r.operations[2].Call
			by(2, r.commit(under(farther+1, one("2")), 2*leapOfASteal+2))
		},
		"a steal at the home of before, after the other server has taken the session for somebody": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.steal("y", farther))
			by(2, r.steal("z", 2*farther)).Reply.Revision = number(2*leapOfASteal + 1)
			r.operations[3].Call = r.operations[2].Call
			by(1, r.commit(under(farther, one("2")), leapOfASteal+2))
			by(2, r.commit(under(2*farther, one("3")), 2*leapOfASteal+2))
		},
		"a steal from a home that the session has come to by a call that is refused": func(r *recorded) {
			byPlain(2, r.acquire("x", 1))
			byPlain(2, r.commit(under(1, one("1")), 1))
			byPlain(2, r.steal("y", farther))
			byPlain(2, r.commit(under(farther, one("2")), leapOfASteal+2))
			by(1, r.readA(1, "1"))
			by(1, r.refused(opRenew, args{Fence: 1, TTL: second}, reasonStaleFence)).Reply = reply{
				Fence: number(farther), Owner: text("y")}
			by(1, r.readA(leapOfASteal+2, "2"))
		},
		"a steal in doubt after which nobody has the session": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.add(operation{Op: opAcquire, Args: args{Owner: "y", TTL: second, Steal: true}, Result: resultUnknown}))
			by(1, r.refused(opRenew, args{Fence: 1, TTL: second}, reasonStaleFence)).Reply = reply{
				Fence: number(farther), Owner: text("")}
			by(1, r.acquire("z", farther+1))
		},
		"an acquisition in doubt that ended the lease that had expired, and no more": func(r *recorded) {
			by(1, r.acquire("x", 1))
			r.pass(2 * second)
			by(2, r.add(operation{Op: opAcquire, Args: args{Owner: "y", TTL: second}, Result: resultUnknown}))
			by(1, r.add(operation{Op: opLease, Result: resultOK, Reply: reply{
				Fence: number(1), Owner: text(""), Live: truth(false)}}))
			by(1, r.acquire("z", 2))
		},
		"a lease that lives on for as long as the session was on its way": func(r *recorded) {
			by(1, r.acquire("x", 1))
			r.pass(2 * second)
			by(2, r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld)).Reply = reply{
				Fence: number(1), Owner: text("x")}
		},
		"a commit that comes again elsewhere before it is flushed": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, named(7, one("1"))), 1))
			by(2, r.refusedByHome(1, opCommit, under(1, named(7, one("1"))), reasonStaleFence))
			by(1, r.commit(under(1, named(7, one("1"))), 1))
			by(2, r.commit(under(1, named(7, one("1"))), 1))
		},
		"a commit that comes again elsewhere when its home has forgotten it": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, named(7, one("1"))), 1))
			for i := uint64(0); i < recentCommits; i++ {
				by(1, r.commit(under(1, named(8+i, one("2"))), 2+i))
			}
			by(2, r.commit(under(1, named(7, one("1"))), 1))
			by(1, r.commit(under(1, one("3")), 2+recentCommits))
		},
		"an owner that goes to another server": func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, counted(1, one("1"))), 1))
			by(2, r.commit(under(1, counted(2, one("2"))), 2))
			by(2, r.readA(2, "2"))
		},
	}
	for name, build := range histories {
		build := build
		t.Run(name, func(t *testing.T) {
			var r recorded
			build(&r)
			if v := r.check(); !v.accepted {
				t.Errorf("refused:\n%s", v.explanation)
			}
		})
	}
}

func TestRefusedOfNearStores(t *testing.T) {
	histories := []struct {
		name  string
		build func(r *recorded)
		why   string
	}{
		{"a live lease taken elsewhere without a steal", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.acquire("y", farther))
		}, "took the live lease of x"},
		{"a commit lost at a steal by the server that has the session", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.steal("y", 2))
			by(1, r.read(0, map[string]*string{"a": nil}))
		}, "told revision 0 where revision 1 is right"},
		{"a commit lost without a steal", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			r.pass(2 * second)
			by(2, r.acquire("y", 2))
			by(2, r.read(0, map[string]*string{"a": nil}))
		}, "told revision 0 where revision 1 is right"},
		{"a commit from before a steal that appears after it", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(2, r.steal("y", farther))
			by(2, r.readA(1, "1"))
			by(2, r.readA(2, "2"))
		}, "told revision 2 where revision 1 is right"},
		{"a stolen home that is served again once it has learned", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.steal("y", farther))
			by(1, r.refusedByHome(2, opRenew, args{Fence: 1, TTL: second}, reasonStaleFence))
			by(1, r.commit(under(1, one("late")), 1))
		}, "was accepted under fence 1"},
		{"a session that is told to be nobody's after it was taken", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(2, r.steal("y", farther))
			by(2, r.refused(opRead, args{Fence: 1}, reasonStaleFence)).Reply = reply{Fence: number(farther - 1), Owner: text("")}
		}, "told fence"},
		{"a moment that is read before an earlier one", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(1, r.commit(under(1, one("3")), 3))
			by(2, r.readA(2, "2"))
			by(2, r.readA(1, "1"))
		}, "told revision 1 where revision 3 is right"},
		{"half of a moment", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(2, r.readA(1, "2"))
		}, "told revision 1 where revision 2 is right"},
		{"an earlier moment under a fence", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(2, r.readA(1, "1")).Args.Fence = 1
		}, "told revision 1 where revision 2 is right"},
		{"something that is not flushed when all has settled", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.commit(under(1, one("1")), 1))
			by(1, r.commit(under(1, one("2")), 2))
			by(2, r.settledA(1, "1"))
		}, "told revision 1 where revision 2 is right"},
		{"a fence that goes back where a session is handed on", func(r *recorded) {
			by(1, r.acquire("x", 5))
			by(1, r.add(operation{Op: opRelease, Args: args{Fence: 5}, Result: resultOK}))
			by(2, r.acquire("y", 5))
		}, "told fence 5 where fence 6 is right"},
		{"an owner that its own home names as the reason", func(r *recorded) {
			by(1, r.acquire("x", 1))
			by(1, r.refusedByHome(1, opRenew, args{Fence: 1, TTL: second}, reasonStaleFence))
		}, "was told of the home"},
	}
	for _, history := range histories {
		history := history
		t.Run(history.name, func(t *testing.T) {
			var r recorded
			history.build(&r)
			v := r.check()
			if v.accepted || v.undecided {
				t.Fatalf("not refused")
			}
			if !strings.Contains(v.explanation, history.why) {
				t.Errorf("not explained with %q:\n%s", history.why, v.explanation)
			}
		})
	}
}
