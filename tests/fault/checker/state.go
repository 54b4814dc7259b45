package main

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"time"
)

// A state is what the contract says a session is. Comparable: two equal states behave alike for ever.
type state struct {
	revision uint64
	exists   bool
	// `name=value` of every key, sorted, each followed by a line end.
	values string

	// How many commits it has had. Differs from the revision where that has leapt (world.go).
	commits uint64
	// `id=revision@commits` of the commits that have an id and are among the last recentCommits, each followed by a line
	// end.
	recent string

	fence uint64
	// Stores hand the session on to each other (world.go): `fence` is the least that it may be, as nobody was told.
	open bool
	// Whether fences may be further apart than one.
	apart bool
	// By when the acquisition by its owner was answered, if it was taken from another or from nobody.
	takenBy int64
	// Empty: nobody.
	owner string
	// The highest number applied under the fence.
	applied uint64
	// The lease is certainly live before the first, and certainly expired after the second: the clock of the database
	// is not ours, but each extension happened between its call and its return.
	liveUntil   int64
	expiredFrom int64
}

const forever = math.MaxInt64

// How many commits of a session are remembered, for those that come again.
const recentCommits = 8

// By how much the database's clock may drift from ours while a lease lives.
const drift = int64(20 * time.Millisecond)

func (s state) held() bool { return s.owner != "" }

func (s state) mayBeLive(op *operation) bool { return s.held() && op.Call-drift <= s.expiredFrom }

func (s state) mayBeExpired(op *operation) bool { return !s.held() || op.Return >= s.liveUntil-drift }

// A fence that nobody was told names nobody.
func (s state) current(fence uint64) bool { return s.held() && !s.open && s.fence == fence }

// passTo gives the session another owner, under a new fence. Where fences may be further apart, a session that has
// become nobody's by being handed on may keep its own.
func (s state) passTo(owner string) state {
	s.owner = owner
	if owner != "" || !s.apart {
		s.fence++
	}
	s.open = s.apart
	s.applied = 0
	s.liveUntil, s.expiredFrom = 0, 0
	return s
}

// extend lets the lease live from a moment within `op` for as long as it asks. Where stores hand the session on, it ends
// later by as long as each way takes, of which nobody is told.
func (s state) extend(op *operation) state {
	s.liveUntil = op.Call + op.Args.TTL
	s.expiredFrom = forever
	if !s.apart && op.Return < forever-op.Args.TTL-op.Slack {
		s.expiredFrom = op.Return + op.Args.TTL + op.Slack
	}
	return s
}

// told is the state with the fence that op tells, where it is one that the session may have.
func (s state) told(op *operation) state {
	if fence := op.Reply.Fence; s.open && fence != nil && *fence >= s.fence {
		s.fence = *fence
		s.open = false
	}
	return s
}

// toldBetween tells whether op was told of the moment at which the session had come to the server of an acquisition that
// op overlaps, and was nobody's yet.
func (s state) toldBetween(op *operation) bool {
	r := &op.Reply
	return s.apart && s.held() && op.Call <= s.takenBy && r.Owner != nil && *r.Owner == "" &&
		(r.Fence == nil || *r.Fence+1 == s.fence)
}

// write is the state after a commit's writes, without their conditions.
func (s state) write(a *args) state {
	values := parseValues(s.values)
	for _, name := range a.Deletes {
		delete(values, name)
	}
	for name, value := range a.Sets {
		values[name] = value
	}
	s.values = formatValues(values)
	s.exists = true
	return s.moveOn(a.ID)
}

func (s state) erase() state {
	s.values = ""
	s.exists = false
	return s.moveOn(0)
}

// moveOn takes the revision on by a commit with this id.
func (s state) moveOn(id uint64) state {
	s.revision++
	s.commits++
	var recent strings.Builder
	for _, commit := range s.recentCommits() {
		if s.commits-commit.place < recentCommits {
			fmt.Fprintf(&recent, "%d=%d@%d\n", commit.id, commit.revision, commit.place)
		}
	}
	if id != 0 {
		fmt.Fprintf(&recent, "%d=%d@%d\n", id, s.revision, s.commits)
	}
	s.recent = recent.String()
	return s
}

// ledTo is the revision that the commit with this id led to, where that is remembered.
func (s state) ledTo(id uint64) (uint64, bool) {
	for _, commit := range s.recentCommits() {
		if id != 0 && commit.id == id {
			return commit.revision, true
		}
	}
	return 0, false
}

type recentCommit struct{ id, revision, place uint64 }

func (s state) recentCommits() []recentCommit {
	var commits []recentCommit
	for rest := s.recent; rest != ""; {
		var line string
		var commit recentCommit
		line, rest, _ = strings.Cut(rest, "\n")
		if _, err := fmt.Sscanf(line, "%d=%d@%d", &commit.id, &commit.revision, &commit.place); err != nil {
			panic(err)
		}
		commits = append(commits, commit)
	}
	return commits
}

func (s state) String() string {
	lease := "nobody's"
	if s.held() {
		lease = s.owner + "'s"
	}
	values := strings.ReplaceAll(strings.TrimSuffix(s.values, "\n"), "\n", " ")
	return fmt.Sprintf("revision %d, fence %d, %s, applied %d, {%s}", s.revision, s.fence, lease, s.applied, values)
}

func parseValues(text string) map[string]string {
	values := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if name, value, found := strings.Cut(line, "="); found {
			values[name] = value
		}
	}
	return values
}

func formatValues(values map[string]string) string {
	lines := make([]string, 0, len(values))
	for name, value := range values {
		lines = append(lines, name+"="+value+"\n")
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}
