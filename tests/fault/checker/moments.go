package main

import "sync"

// A moment is what a store has of a session, but for its lease.
type moment struct {
	revision uint64
	exists   bool
	values   string
	commits  uint64
	recent   string
}

func (s state) moment() moment { return moment{s.revision, s.exists, s.values, s.commits, s.recent} }

// at is the session as it was at that moment, with the lease that it has.
func (s state) at(m moment) state {
	s.revision, s.exists, s.values, s.commits, s.recent = m.revision, m.exists, m.values, m.commits, m.recent
	return s
}

// remembers tells whether the moment knows the commit with this id.
func (m moment) remembers(id uint64) bool {
	_, known := state{}.at(m).ledTo(id)
	return known
}

// moments are some of one session, the newest first; nil: none. Those that are equal are the same pointer.
type moments struct {
	newest moment
	older  *moments
}

var (
	knownMoments     = map[moments]*moments{}
	knownMomentsLock sync.Mutex
)

// and is these with a newer one.
func (m *moments) and(newest moment) *moments {
	knownMomentsLock.Lock()
	defer knownMomentsLock.Unlock()
	longer := moments{newest, m}
	if known, found := knownMoments[longer]; found {
		return known
	}
	knownMoments[longer] = &longer
	return &longer
}

// downTo is these without those that are older than `oldest`, which is one of them.
func (m *moments) downTo(oldest moment) *moments {
	if m.newest == oldest {
		return (*moments)(nil).and(oldest)
	}
	return m.older.downTo(oldest).and(m.newest)
}

func (m *moments) count() int {
	count := 0
	for ; m != nil; m = m.older {
		count++
	}
	return count
}
