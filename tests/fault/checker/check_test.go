package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

// A recorded history under construction: each operation is called after the one before it returned.
type recorded struct {
	now        int64
	operations []operation
}

func (r *recorded) add(op operation) *operation {
	op.Session = "s"
	op.Call = r.now + 1
	op.Return = r.now + 2
	r.now += 2
	op.line = len(r.operations) + 1
	r.operations = append(r.operations, op)
	return &r.operations[len(r.operations)-1]
}

func (r *recorded) pass(time int64) { r.now += time }

func number(n uint64) *uint64     { return &n }
func text(value string) *string   { return &value }
func truth(value bool) *bool      { return &value }
func one(value string) args       { return args{Sets: map[string]string{"a": value}} }
func under(f uint64, a args) args { a.Fence = f; return a }
func counted(n uint64, a args) args {
	a.Number = n
	return a
}

func named(id uint64, a args) args {
	a.ID = id
	return a
}

func (r *recorded) acquire(owner string, fence uint64) *operation {
	return r.add(operation{Op: opAcquire, Args: args{Owner: owner, TTL: second}, Result: resultOK,
		Reply: reply{Fence: number(fence)}})
}

func (r *recorded) steal(owner string, fence uint64) *operation {
	op := r.acquire(owner, fence)
	op.Args.Steal = true
	return op
}

func (r *recorded) commit(a args, revision uint64) *operation {
	return r.add(operation{Op: opCommit, Args: a, Result: resultOK, Reply: reply{Revision: number(revision)}})
}

func (r *recorded) inDoubt(a args) *operation {
	return r.add(operation{Op: opCommit, Args: a, Result: resultUnknown})
}

func (r *recorded) refused(op string, a args, reason string) *operation {
	return r.add(operation{Op: op, Args: a, Result: resultRefused, Reason: reason})
}

func (r *recorded) read(revision uint64, values map[string]*string) *operation {
	return r.add(operation{Op: opRead, Result: resultOK, Reply: reply{Revision: number(revision), Values: values}})
}

func (r *recorded) readA(revision uint64, value string) *operation {
	return r.read(revision, map[string]*string{"a": text(value)})
}

func (r *recorded) check() verdict { return checkSession("s", r.operations, time.Minute) }

func TestAccepted(t *testing.T) {
	histories := map[string]func(r *recorded){
		"a session that was never written": func(r *recorded) {
			r.read(0, map[string]*string{"a": nil}).Reply.Exists = truth(false)
			r.add(operation{Op: opLease, Result: resultOK, Reply: reply{Fence: number(0), Owner: text(""), Live: truth(false)}})
		},
		"commits and reads under a lease": func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, args{Sets: map[string]string{"a": "1", "b": "2"}}), 1)
			r.commit(under(1, args{Sets: map[string]string{"a": "3"}, Deletes: []string{"b"}}), 2)
			r.read(2, map[string]*string{"a": text("3"), "b": nil})
			r.add(operation{Op: opRenew, Args: args{Fence: 1, TTL: second}, Result: resultOK, Reply: reply{Fence: number(1)}})
			r.add(operation{Op: opRelease, Args: args{Fence: 1}, Result: resultOK, Reply: reply{Fence: number(2)}})
			r.commit(one("4"), 3)
		},
		"a take-over, and the old owner's refusal": func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, one("1")), 1)
			r.steal("y", 2)
			refusal := r.refused(opCommit, under(1, one("late")), reasonStaleFence)
			refusal.Reply = reply{Fence: number(2), Owner: text("y")}
			r.refused(opRead, args{Fence: 1}, reasonStaleFence)
			r.readA(1, "1")
		},
		"an expired lease taken, and one ended by a write without a fence": func(r *recorded) {
			r.acquire("x", 1)
			r.pass(2 * second)
			r.acquire("y", 2)
			r.pass(2 * second)
			r.commit(one("1"), 1)
			r.refused(opRenew, args{Fence: 2, TTL: second}, reasonStaleFence)
			r.acquire("y", 4)
		},
		"an expired lease that nobody took": func(r *recorded) {
			r.acquire("x", 1)
			r.pass(2 * second)
			r.commit(under(1, one("1")), 1)
		},
		"an expired lease that lives on in the database to which the session was handed": func(r *recorded) {
			r.acquire("x", 1).Slack = 2 * second
			r.pass(2 * second)
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld)
		},
		"a live lease refused to others": func(r *recorded) {
			r.acquire("x", 1)
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld)
			r.refused(opCommit, one("1"), reasonLeaseHeld)
			r.acquire("x", 1)
		},
		"numbers, a duplicate and a gap": func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, counted(1, one("1"))), 1)
			r.commit(under(1, counted(2, one("2"))), 2)
			r.commit(under(1, counted(1, one("1"))), 2)
			r.refused(opCommit, under(1, counted(4, one("4"))), reasonNumberGap)
			r.acquire("x", 1).Reply.Applied = number(2)
			r.readA(2, "2")
		},
		"a commit that comes again, also under a fence that is lost": func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, named(7, one("1"))), 1)
			r.commit(under(1, one("2")), 2)
			r.commit(under(1, named(7, one("1"))), 1)
			r.steal("y", 2)
			r.commit(under(1, named(7, one("1"))), 1)
			r.readA(2, "2")
		},
		"a commit in doubt that comes again": func(r *recorded) {
			r.inDoubt(named(7, one("1")))
			r.commit(named(7, one("1")), 1)
			r.readA(1, "1")
		},
		"a commit that comes again when it is no longer remembered": func(r *recorded) {
			r.commit(named(7, one("1")), 1)
			for revision := uint64(2); revision <= 9; revision++ {
				r.commit(one("2"), revision)
			}
			r.commit(named(7, one("1")), 10)
		},
		"a commit in doubt that took place": func(r *recorded) {
			r.inDoubt(one("1"))
			r.readA(1, "1")
		},
		"a commit in doubt that never took place": func(r *recorded) {
			r.inDoubt(one("1"))
			r.read(0, map[string]*string{"a": nil})
			r.commit(one("2"), 1)
		},
		"a commit in doubt that took place late": func(r *recorded) {
			r.inDoubt(one("1"))
			r.commit(one("2"), 1)
			r.readA(1, "2")
			r.readA(2, "1")
		},
		"an acquisition in doubt that took place": func(r *recorded) {
			r.add(operation{Op: opAcquire, Args: args{Owner: "x", TTL: second}, Result: resultUnknown})
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld).Reply = reply{Owner: text("x")}
			r.acquire("x", 1)
		},
		"deletion, after which the revision goes on": func(r *recorded) {
			r.commit(one("1"), 1)
			r.add(operation{Op: opDelete, Result: resultOK, Reply: reply{Revision: number(2)}})
			r.refused(opDelete, args{}, reasonNoSession)
			r.commit(one("2"), 3)
		},
		"operations that overlap, in another order than that of their calls": func(r *recorded) {
			late := r.commit(one("1"), 2)
			early := r.commit(one("2"), 1)
			late.Return = early.Return
			r.operations[0].Return = early.Return
			r.readA(2, "1")
		},
		"another revision than the expected one": func(r *recorded) {
			r.commit(args{Sets: map[string]string{"a": "1"}, Expected: number(0)}, 1)
			r.refused(opCommit, args{Sets: map[string]string{"a": "2"}, Expected: number(0)}, reasonRevision)
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

func TestRefusedWithTheReason(t *testing.T) {
	histories := []struct {
		name  string
		build func(r *recorded)
		why   string
	}{
		{"commit under a stale fence", func(r *recorded) {
			r.acquire("x", 1)
			r.steal("y", 2)
			r.commit(under(1, one("late")), 1)
		}, "was accepted under fence 1 when fence 2 was the current one"},
		{"read under a stale fence", func(r *recorded) {
			r.acquire("x", 1)
			r.steal("y", 2)
			r.read(0, nil).Args.Fence = 1
		}, "was accepted under fence 1 when fence 2 was the current one"},
		{"renewal after a release", func(r *recorded) {
			r.acquire("x", 1)
			r.add(operation{Op: opRelease, Args: args{Fence: 1}, Result: resultOK, Reply: reply{Fence: number(2)}})
			r.add(operation{Op: opRenew, Args: args{Fence: 1, TTL: second}, Result: resultOK})
		}, "when nobody had the lease"},
		{"a live lease taken", func(r *recorded) {
			r.acquire("x", 1)
			r.acquire("y", 2)
		}, "took the live lease of x"},
		{"a write without a fence under a live lease", func(r *recorded) {
			r.acquire("x", 1)
			r.commit(one("1"), 1)
		}, "wrote without a fence under the live lease of x"},
		{"a fence that repeats", func(r *recorded) {
			r.acquire("x", 1)
			r.steal("y", 1)
		}, "told fence 1 where fence 2 is right"},
		{"a fence that goes back", func(r *recorded) {
			r.acquire("x", 1)
			r.steal("y", 2)
			r.steal("z", 1)
		}, "told fence 1 where fence 3 is right"},
		{"STALE_FENCE for the current fence", func(r *recorded) {
			r.acquire("x", 1)
			r.refused(opCommit, under(1, one("1")), reasonStaleFence)
		}, "was wrongly refused with STALE_FENCE"},
		{"LEASE_HELD by an expired lease", func(r *recorded) {
			r.acquire("x", 1)
			r.pass(2 * second)
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld)
		}, "was wrongly refused with LEASE_HELD"},
		{"LEASE_HELD by a lease that has lived on for long enough", func(r *recorded) {
			r.acquire("x", 1).Slack = second
			r.pass(3 * second)
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld)
		}, "was wrongly refused with LEASE_HELD"},
		{"LEASE_HELD by nobody", func(r *recorded) {
			r.refused(opCommit, one("1"), reasonLeaseHeld)
		}, "was wrongly refused with LEASE_HELD"},
		{"NUMBER_GAP for the next number", func(r *recorded) {
			r.acquire("x", 1)
			r.refused(opCommit, under(1, counted(1, one("1"))), reasonNumberGap)
		}, "was wrongly refused with NUMBER_GAP"},
		{"NO_SESSION for one that is there", func(r *recorded) {
			r.commit(one("1"), 1)
			r.refused(opDelete, args{}, reasonNoSession)
		}, "was wrongly refused with NO_SESSION"},
		{"REVISION_MISMATCH at the expected revision", func(r *recorded) {
			r.refused(opCommit, args{Sets: map[string]string{"a": "1"}, Expected: number(0)}, reasonRevision)
		}, "was wrongly refused with REVISION_MISMATCH"},
		{"a refusal that names the wrong owner", func(r *recorded) {
			r.acquire("x", 1)
			r.refused(opAcquire, args{Owner: "y", TTL: second}, reasonLeaseHeld).Reply = reply{Owner: text("z")}
		}, `told owner "z" where "x" is right`},
		{"a commit applied twice", func(r *recorded) {
			r.commit(one("1"), 1)
			r.readA(2, "1")
		}, "told revision 2 where revision 1 is right"},
		{"a numbered commit applied again", func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, counted(1, one("1"))), 1)
			r.commit(under(1, counted(1, one("1"))), 2)
		}, "told revision 2 where revision 1 is right"},
		{"a commit that comes again applied again", func(r *recorded) {
			r.commit(named(7, one("1")), 1)
			for revision := uint64(2); revision <= 8; revision++ {
				r.commit(one("2"), revision)
			}
			r.commit(named(7, one("1")), 9)
		}, "told revision 9 where it had led to revision 1 before"},
		{"a commit that comes again refused", func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, named(7, one("1"))), 1)
			r.steal("y", 2)
			r.refused(opCommit, under(1, named(7, one("1"))), reasonStaleFence)
		}, "was refused with STALE_FENCE though it had led to revision 1"},
		{"a number that leaves one out", func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, counted(2, one("2"))), 1)
		}, "number 2 was accepted when number 0 was the highest applied"},
		{"a wrong highest number", func(r *recorded) {
			r.acquire("x", 1)
			r.commit(under(1, counted(1, one("1"))), 1)
			r.acquire("x", 1).Reply.Applied = number(0)
		}, "told 0 as the highest number applied where 1 is right"},
		{"a commit in doubt applied twice", func(r *recorded) {
			r.inDoubt(one("1"))
			r.readA(2, "1")
		}, "told revision 2 where"},
		{"a commit in doubt that lands after a take-over", func(r *recorded) {
			r.acquire("x", 1)
			r.inDoubt(under(1, one("late")))
			r.steal("y", 2)
			r.commit(under(2, one("new")), 1)
			r.readA(2, "late")
		}, "told revision 2 where revision 1 is right"},
		{"an acknowledged commit missing at the end", func(r *recorded) {
			r.commit(one("1"), 1)
			r.commit(one("2"), 2)
			r.readA(1, "1")
		}, "told revision 1 where revision 2 is right"},
		{"half of a commit", func(r *recorded) {
			r.commit(args{Sets: map[string]string{"a": "1", "b": "1"}}, 1)
			r.inDoubt(args{Sets: map[string]string{"a": "2", "b": "2"}})
			r.read(2, map[string]*string{"a": text("2"), "b": text("1")})
		}, `told value b="1" where "2" is right at revision 2`},
		{"a value that was never written", func(r *recorded) {
			r.read(0, map[string]*string{"a": text("1")})
		}, `told value a="1" where it is absent at revision 0`},
		{"absence of what is there", func(r *recorded) {
			r.commit(one("1"), 1)
			r.read(1, map[string]*string{"a": nil})
		}, "told value a absent where"},
		{"an old value", func(r *recorded) {
			r.commit(one("1"), 1)
			r.commit(one("2"), 2)
			r.readA(2, "1")
		}, `told value a="1" where "2" is right at revision 2`},
		{"a deleted session that still exists", func(r *recorded) {
			r.commit(one("1"), 1)
			r.add(operation{Op: opDelete, Result: resultOK, Reply: reply{Revision: number(2)}})
			r.read(2, nil).Reply.Exists = truth(true)
		}, "told exists=true where false is right"},
		{"a live lease told as expired", func(r *recorded) {
			r.acquire("x", 1)
			r.add(operation{Op: opLease, Result: resultOK, Reply: reply{Live: truth(false)}})
		}, "told that a live lease has expired"},
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

func TestManyCommitsInDoubtAreDecidedSoon(t *testing.T) {
	var r recorded
	for fence := uint64(1); fence <= 40; fence++ {
		r.steal(fmt.Sprint("owner", fence), fence)
		for i := 0; i < 3; i++ {
			r.inDoubt(under(fence, one(fmt.Sprint(fence, ".", i))))
		}
		r.read(0, nil)
	}
	if v := r.check(); !v.accepted {
		t.Errorf("undecided=%t:\n%s", v.undecided, v.explanation)
	}
}

func TestFileIsJudgedByItsExitCode(t *testing.T) {
	const good = `{"client":0,"session":"s","call":1,"return":2,"op":"commit","args":{"sets":{"a":"1"}},"result":"ok","reply":{"revision":1}}`
	bad := strings.Replace(good, `"revision":1`, `"revision":7`, 1)
	files := map[string]struct {
		content string
		code    int
	}{
		"accepted":          {good + "\n", exitAccepted},
		"refused":           {bad + "\n", exitRefused},
		"one of two":        {good + "\n" + strings.Replace(bad, `"session":"s"`, `"session":"t"`, 1) + "\n", exitRefused},
		"no JSON":           {"{\n", exitUnreadable},
		"unknown operation": {strings.Replace(good, "commit", "comit", 1) + "\n", exitUnreadable},
		"unknown reason":    {strings.Replace(good, `"ok"`, `"refused","reason":"WHY"`, 1) + "\n", exitUnreadable},
	}
	for name, file := range files {
		file := file
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.jsonl")
			if err := os.WriteFile(path, []byte(file.content), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if code := checkFile(path, time.Minute, &out); code != file.code {
				t.Errorf("exit code %d, want %d\n%s", code, file.code, out.String())
			}
			_, err := os.Stat(path + ".t.html")
			if drawn := err == nil; drawn != (name == "one of two") {
				t.Errorf("drawn: %t", drawn)
			}
		})
	}
}
