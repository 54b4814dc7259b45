package main

import (
	"fmt"
	"sort"
)

// step tells which states may follow from s when op takes place, given what came of it. None: op cannot take place
// here, and the text says why.
func step(s state, op *operation) ([]state, string) {
	if revision, again := s.ledTo(op.Args.ID); again {
		// It changes nothing any more.
		if why := wrongRepetition(revision, op); why != "" {
			return nil, why
		}
		return []state{s}, ""
	}
	switch op.Result {
	case resultOK:
		next, why := perform(s, op)
		if why == "" {
			next = next.told(op)
			why = contradiction(next, op)
		}
		if why != "" {
			return nil, why
		}
		return []state{next}, ""
	case resultUnknown:
		// It was refused, was lost, or took place: whichever, nobody was told.
		if next, why := perform(s, op); why == "" && next != s {
			return []state{s, next}, ""
		}
		return []state{s}, ""
	case resultRefused:
		s = s.told(op)
		if why := wrongRefusal(s, op); why != "" {
			return nil, why
		}
		return []state{s}, ""
	}
	return []state{s}, ""
}

// perform is the contract: the state after op, or why it has to be refused.
func perform(s state, op *operation) (state, string) {
	a := &op.Args
	switch op.Op {
	case opAcquire:
		if s.owner != a.Owner {
			if !a.Steal && !s.mayBeExpired(op) {
				return s, fmt.Sprintf("took the live lease of %s", s.owner)
			}
			s = s.passTo(a.Owner)
			if s.apart {
				s.takenBy = op.Return
			}
		}
		return s.extend(op), ""
	case opRenew:
		if !s.current(a.Fence) {
			return s, staleFence(s, a.Fence)
		}
		return s.extend(op), ""
	case opRelease:
		if !s.current(a.Fence) {
			return s, staleFence(s, a.Fence)
		}
		return s.passTo(""), ""
	case opLease:
		return s, ""
	case opRead:
		if a.Fence != 0 && !s.current(a.Fence) {
			return s, staleFence(s, a.Fence)
		}
		return s, ""
	case opCommit:
		s, why := passLease(s, op)
		if why != "" {
			return s, why
		}
		return commit(s, a)
	case opDelete:
		s, why := passLease(s, op)
		if why != "" {
			return s, why
		}
		if !s.exists {
			return s, "deleted a session that does not exist"
		}
		return s.erase(), ""
	}
	return s, "is no operation"
}

// passLease holds a write to the session's lease; one without a fence ends a lease that has expired.
func passLease(s state, op *operation) (state, string) {
	if op.Args.Fence != 0 {
		if !s.current(op.Args.Fence) {
			return s, staleFence(s, op.Args.Fence)
		}
		return s, ""
	}
	if !s.mayBeExpired(op) {
		return s, fmt.Sprintf("wrote without a fence under the live lease of %s", s.owner)
	}
	if s.held() {
		s = s.passTo("")
	}
	return s, ""
}

func commit(s state, a *args) (state, string) {
	if a.Number != 0 {
		if a.Number <= s.applied {
			return s, ""
		}
		if a.Number > s.applied+1 {
			return s, fmt.Sprintf("number %d was accepted when number %d was the highest applied", a.Number, s.applied)
		}
		s.applied = a.Number
	}
	if a.Expected != nil && *a.Expected != s.revision {
		return s, fmt.Sprintf("was accepted for revision %d at revision %d", *a.Expected, s.revision)
	}
	return s.write(a), ""
}

// wrongRepetition compares what a commit was told with the revision that it led to when it came before. That it did is
// known before its fence or anything else is looked at.
func wrongRepetition(revision uint64, op *operation) string {
	switch {
	case op.Result == resultRefused:
		return fmt.Sprintf("was refused with %s though it had led to revision %d", op.Reason, revision)
	case op.Result == resultOK && op.Reply.Revision != nil && *op.Reply.Revision != revision:
		return fmt.Sprintf("told revision %d where it had led to revision %d before", *op.Reply.Revision, revision)
	}
	return ""
}

func staleFence(s state, fence uint64) string {
	if s.held() {
		return fmt.Sprintf("was accepted under fence %d when fence %d was the current one", fence, s.fence)
	}
	return fmt.Sprintf("was accepted under fence %d when nobody had the lease and the fence was %d", fence, s.fence)
}

// contradiction compares what op was told with the state after it.
func contradiction(s state, op *operation) string {
	r := &op.Reply
	if s.toldBetween(op) {
		return wrongValue(s, r.Values)
	}
	switch {
	case r.Revision != nil && *r.Revision != s.revision:
		return fmt.Sprintf("told revision %d where revision %d is right", *r.Revision, s.revision)
	case r.Fence != nil && *r.Fence != s.fence:
		return fmt.Sprintf("told fence %d where fence %d is right", *r.Fence, s.fence)
	case r.Owner != nil && *r.Owner != s.owner:
		return fmt.Sprintf("told owner %q where %q is right", *r.Owner, s.owner)
	case r.Applied != nil && *r.Applied != s.applied:
		return fmt.Sprintf("told %d as the highest number applied where %d is right", *r.Applied, s.applied)
	case r.Exists != nil && *r.Exists != s.exists:
		return fmt.Sprintf("told exists=%t where %t is right", *r.Exists, s.exists)
	case r.Live != nil && *r.Live && !s.mayBeLive(op):
		return "told that an expired lease is live"
	case r.Live != nil && !*r.Live && !s.mayBeExpired(op):
		return "told that a live lease has expired"
	}
	return wrongValue(s, r.Values)
}

func wrongValue(s state, told map[string]*string) string {
	right := parseValues(s.values)
	names := make([]string, 0, len(told))
	for name := range told {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		value, present := right[name]
		switch {
		case told[name] == nil && present:
			return fmt.Sprintf("told value %s absent where %q is right at revision %d", name, value, s.revision)
		case told[name] != nil && !present:
			return fmt.Sprintf("told value %s=%q where it is absent at revision %d", name, *told[name], s.revision)
		case told[name] != nil && *told[name] != value:
			return fmt.Sprintf("told value %s=%q where %q is right at revision %d", name, *told[name], value, s.revision)
		}
	}
	return ""
}

// wrongRefusal says why op must not be refused in s for its reason.
func wrongRefusal(s state, op *operation) string {
	a := &op.Args
	right := true
	switch op.Reason {
	case reasonStaleFence:
		right = !s.current(a.Fence)
	case reasonLeaseHeld:
		right = s.mayBeLive(op) && a.Fence == 0 && !a.Steal && (op.Op != opAcquire || s.owner != a.Owner)
	case reasonNumberGap:
		right = s.current(a.Fence) && a.Number > s.applied+1
	case reasonRevision:
		right = a.Expected != nil && *a.Expected != s.revision
	case reasonNoSession:
		right = !s.exists
	}
	if !right {
		return fmt.Sprintf("was wrongly refused with %s", op.Reason)
	}
	return contradiction(s, op)
}
