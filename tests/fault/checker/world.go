package main

import "fmt"

// Where servers have near stores (docs/write-behind.md), a session that somebody has the lease of is at home in one of
// them, and the far store, which all servers reach, follows. What that allows, and nothing else does:
//
//   - Who reads a session that is at home elsewhere, and names no fence, reads a moment that was flushed; never an older
//     one than was read before. By such a moment a commit that comes again is answered there, too.
//   - A steal by another server takes the session as it was flushed, and what came after that is lost. The home that it
//     is stolen from serves it on, as it has it, until it learns of that. The revision may leap by leapOfASteal, ahead of
//     all that that home may have given; and once more for each home that was stolen before it could serve, when servers
//     steal at the same time.
//   - Other servers refuse the session while it is at home, whether the lease of its owner has expired or not, and tell
//     who has it.
//   - While another server takes it for somebody, the session may be seen to be nobody's for a moment.
//   - A lease goes with the session by what is left of it, so that it ends later by as long as its way has taken.
//   - Fences grow by more than one where a session is handed on. An acquisition in doubt may have ended the lease that it
//     was to take.
//
// In all else the servers are one store.

// How many servers there are.
const servers = 2

const leapOfASteal = uint64(1) << 32

// How many homes a session may be stolen from by the time that who steals it has it.
const mostLeaps = servers + 1

// A world is what the servers make of a session. Comparable.
type world struct {
	// At home, or else in the far store.
	latest state
	// The server that it may be at home at; 0: none.
	home int
	// By when it was there. What that server was asked before may have gone to the far store.
	homeBy int64
	// Where the far store may be instead, because not everything was flushed.
	behind *moments
	// By server: of a home that was stolen from it.
	stolen [servers + 1]stolenHome
}

type stolenHome struct {
	serves  bool
	session state
	// As world.homeBy.
	homeBy int64
}

// step tells which worlds may follow when op takes place, given what came of it. None: op cannot take place here, and
// the text says why.
func (w world) step(op *operation) ([]world, string) {
	if op.At == 0 {
		return w.follow(w, op)
	}
	w.latest.apart = true
	if op.Args.Settled {
		return w.follow(world{latest: w.latest}, op)
	}
	var next []world
	if home := w.stolen[op.At]; home.serves && !op.namesHome() {
		sessions, _ := step(home.session, op)
		for _, session := range sessions {
			after := w
			after.stolen[op.At].session = session
			next = append(next, after)
		}
	}
	if op.Result == resultUnknown {
		next = append(next, w)
	}
	// From here on the server has learned of what was stolen, but for what the far store says past it.
	stolen := w.stolen[op.At]
	w.stolen[op.At] = stolenHome{}
	worlds, why := w.serve(op)
	next = append(next, worlds...)
	if stolen.serves && op.Call <= stolen.homeBy {
		for _, after := range worlds {
			if after.home != op.At {
				after.stolen[op.At] = stolen
				next = append(next, after)
			}
		}
	}
	if len(next) > 0 {
		why = ""
	}
	return next, why
}

// follow lets op take place on the latest moment of the session, as `before` has it.
func (w world) follow(before world, op *operation) ([]world, string) {
	sessions, why := step(before.latest, op)
	next := make([]world, len(sessions))
	for i, session := range sessions {
		next[i] = before
		next[i].latest = session
	}
	return next, why
}

// serve lets op take place at a server that has nothing that was stolen.
func (w world) serve(op *operation) ([]world, string) {
	if op.namesHome() {
		if why := w.wrongHome(op); why != "" {
			return nil, why
		}
		return []world{w}, ""
	}
	if _, again := w.latest.ledTo(op.Args.ID); again {
		return w.follow(w, op)
	}
	next := w.answerBehind(op)
	why := ""
	for _, before := range w.arrivals(op) {
		sessions, wrong := step(before.latest, op)
		if wrong != "" {
			why = wrong
		}
		for _, session := range sessions {
			if op.Result == resultUnknown && session == before.latest {
				continue
			}
			next = append(next, before.moveTo(session, op))
			if op.Result == resultUnknown && op.Op == opAcquire {
				next = append(next, before.moveTo(before.latest.passTo(""), op))
			}
		}
	}
	return next, why
}

func (w world) isElsewhere(op *operation) bool { return w.home != 0 && w.home != op.At }

// wrongHome says why a near store must not be told as the session's owner.
func (w world) wrongHome(op *operation) string {
	a := &op.Args
	right := false
	switch {
	case op.Op == opLease && op.Result == resultOK:
		right = true
	case op.Result == resultRefused && op.Reason == reasonLeaseHeld:
		right = a.Fence == 0 && !a.Steal
	case op.Result == resultRefused && op.Reason == reasonStaleFence:
		right = !op.namesItsOwn() || !w.latest.current(a.Fence)
	}
	// What was applied before is known where it was flushed.
	if right && a.ID != 0 && w.latest.moment().remembers(a.ID) {
		for m := w.behind; m != nil; m = m.older {
			if !m.newest.remembers(a.ID) {
				return ""
			}
		}
		return fmt.Sprintf("was refused with %s though it was applied and flushed", op.Reason)
	}
	if !right {
		return fmt.Sprintf("was told of the home %s", *op.Reply.Owner)
	}
	return ""
}

// answerBehind are the worlds in which op is answered elsewhere than at home, by a moment that was flushed before: a
// read, or a commit that comes again, and that the session may no longer remember where it is at home.
func (w world) answerBehind(op *operation) []world {
	if !w.isElsewhere(op) {
		return nil
	}
	reads := op.Op == opRead && op.Args.Fence == 0
	var next []world
	for m := w.behind; m != nil; m = m.older {
		before := w.latest.at(m.newest)
		revision, again := before.ledTo(op.Args.ID)
		if reads && contradiction(before, op) == "" || again && wrongRepetition(revision, op) == "" {
			after := w
			after.behind = w.behind.downTo(m.newest)
			next = append(next, after)
		}
	}
	return next
}

// arrivals are the worlds in which the server of op has the session as it goes on.
func (w world) arrivals(op *operation) []world {
	if !w.isElsewhere(op) {
		all := []world{w}
		if op.steals() {
			// The other one may have taken it for somebody who has not been answered yet.
			unseen := w
			unseen.home, unseen.homeBy, unseen.behind = 1+servers-op.At, op.Return, nil
			all = append(all, unseen.takenFromHome(1)...)
		}
		return all
	}
	if op.steals() {
		return w.takenFromHome(0)
	}
	// It was given back, with everything flushed; or it is read there once it is.
	w.behind = nil
	if op.Op != opRead || op.Args.Fence != 0 {
		w.home, w.homeBy = 0, 0
	}
	return []world{w}
}

// takenFromHome are the worlds after a steal from the home, by which the revision leaps so many times at least.
func (w world) takenFromHome(leastLeaps uint64) []world {
	taken := w
	taken.stolen[w.home] = stolenHome{true, w.latest, w.homeBy}
	taken.home, taken.homeBy, taken.behind = 0, 0, nil
	var all []world
	for m := w.behind.and(w.latest.moment()); m != nil; m = m.older {
		for leaps := leastLeaps; leaps <= mostLeaps; leaps++ {
			taken.latest = w.latest.at(m.newest)
			taken.latest.revision += leaps * leapOfASteal
			all = append(all, taken)
		}
	}
	return all
}

// moveTo is the world after op has led to that state of the session.
func (w world) moveTo(session state, op *operation) world {
	before := w.latest.moment()
	w.latest = session
	asks := op.Op == opLease || op.Op == opRead && op.Args.Fence == 0
	if asks || op.Result == resultRefused {
		return w
	}
	if !op.Near {
		w.home, w.homeBy, w.behind = 0, 0, nil
		return w
	}
	if w.home != op.At {
		w.home, w.homeBy = op.At, op.Return
	}
	if session.revision != before.revision {
		w.behind = w.behind.and(before)
	}
	return w
}

func (w world) String() string {
	text := w.latest.String()
	if w.home != 0 {
		text += fmt.Sprintf(", at home at %d, of which up to %d moments may not be flushed", w.home, w.behind.count())
	}
	for server, home := range w.stolen {
		if home.serves {
			text += fmt.Sprintf("; stolen from %d at %s", server, home.session)
		}
	}
	return text
}
