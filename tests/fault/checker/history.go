package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// What was asked of the service.
const (
	opAcquire = "acquire"
	opRenew   = "renew"
	opRelease = "release"
	opLease   = "lease"
	opCommit  = "commit"
	opDelete  = "delete"
	opRead    = "read"
)

// What came of it.
const (
	resultOK      = "ok"
	resultRefused = "refused"
	// In doubt: it may have taken place, or may yet.
	resultUnknown = "unknown"
	// It certainly did not take place; the session's state is not the reason.
	resultFailed = "failed"
)

// Why it was refused.
const (
	reasonStaleFence = "STALE_FENCE"
	reasonLeaseHeld  = "LEASE_HELD"
	reasonNumberGap  = "NUMBER_GAP"
	reasonRevision   = "REVISION_MISMATCH"
	reasonNoSession  = "NO_SESSION"
)

// An operation is one line of a history. Times are nanoseconds of one clock that all clients share and that does not
// jump.
type operation struct {
	Client  int    `json:"client"`
	Session string `json:"session"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Op      string `json:"op"`
	Args    args   `json:"args"`
	Result  string `json:"result"`
	Reason  string `json:"reason,omitempty"`
	Reply   reply  `json:"reply"`
	// Which server was asked, from 1, and whether it has a near store; 0 where no server has one.
	At   int  `json:"at,omitempty"`
	Near bool `json:"near,omitempty"`
	// By how much longer than its owner asked a lease may live, because databases hand the session on to each other.
	Slack int64 `json:"slack,omitempty"`

	// Its line in the file, from 1.
	line int
}

type args struct {
	Owner string `json:"owner,omitempty"`
	TTL   int64  `json:"ttl,omitempty"`
	Steal bool   `json:"steal,omitempty"`
	// The read was made when no session was at home anywhere any more, and every server knew.
	Settled bool `json:"settled,omitempty"`
	// 0: none.
	Fence uint64 `json:"fence,omitempty"`
	// The id of a commit that was sent more than once; 0: any other operation.
	ID uint64 `json:"id,omitempty"`
	// The commit's place under its fence; 0: none.
	Number   uint64            `json:"number,omitempty"`
	Expected *uint64           `json:"expected,omitempty"`
	Sets     map[string]string `json:"sets,omitempty"`
	Deletes  []string          `json:"deletes,omitempty"`
}

// A reply holds the facts that the service told; nil: it did not.
type reply struct {
	Revision *uint64 `json:"revision,omitempty"`
	Fence    *uint64 `json:"fence,omitempty"`
	Owner    *string `json:"owner,omitempty"`
	Applied  *uint64 `json:"applied,omitempty"`
	Live     *bool   `json:"live,omitempty"`
	Exists   *bool   `json:"exists,omitempty"`
	// null: absent. Names that were not asked for are not there.
	Values map[string]*string `json:"values,omitempty"`
}

var knownOps = map[string]bool{
	opAcquire: true, opRenew: true, opRelease: true, opLease: true, opCommit: true, opDelete: true, opRead: true,
}

var knownReasons = map[string]bool{
	reasonStaleFence: true, reasonLeaseHeld: true, reasonNumberGap: true, reasonRevision: true, reasonNoSession: true,
}

// How a near store is named as the owner of a session that is at home there, with the server that has it: home:ID@server2:1.
const homePrefix = "home:"

// namesHome tells whether a near store was told as the session's owner.
func (op *operation) namesHome() bool {
	return op.Reply.Owner != nil && strings.HasPrefix(*op.Reply.Owner, homePrefix)
}

// namesItsOwn tells whether that is the one of the server that was asked.
func (op *operation) namesItsOwn() bool {
	return op.namesHome() && strings.HasSuffix(*op.Reply.Owner, fmt.Sprintf("@server%d:1", op.At))
}

func (op *operation) steals() bool { return op.Op == opAcquire && op.Args.Steal }

func (op *operation) validate() error {
	switch {
	case op.Session == "":
		return fmt.Errorf("no session")
	case !knownOps[op.Op]:
		return fmt.Errorf("unknown operation %q", op.Op)
	case op.At < 0 || op.At > servers:
		return fmt.Errorf("unknown server %d", op.At)
	case op.Return < op.Call:
		return fmt.Errorf("returns before it is called")
	case op.Result == resultRefused && !knownReasons[op.Reason]:
		return fmt.Errorf("refused for an unknown reason %q", op.Reason)
	case op.Result != resultOK && op.Result != resultRefused && op.Result != resultUnknown && op.Result != resultFailed:
		return fmt.Errorf("unknown result %q", op.Result)
	}
	return nil
}

// readHistory reads one operation a line and sorts them by session.
func readHistory(in io.Reader) (map[string][]operation, error) {
	sessions := map[string][]operation{}
	lines := bufio.NewScanner(in)
	const longestLine = 1 << 20
	lines.Buffer(nil, longestLine)
	for number := 1; lines.Scan(); number++ {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if err := op.validate(); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		op.line = number
		sessions[op.Session] = append(sessions[op.Session], op)
	}
	return sessions, lines.Err()
}
