// Checks recorded histories of authstate against its contract, session by session: is there an order of the operations,
// each between its call and its return, in which every answer is right? An operation whose outcome nobody was told may
// have taken place at any later time, or never.
//
// Usage: history_checker [-timeout 3m] HISTORY...
//
// A history has one operation a line, as JSON (history.go). For each that is refused an explanation is printed, and
// drawn for a browser beside it: HISTORY.SESSION.html. Exit code: 0 all accepted, 1 one is not, 2 one cannot be read,
// 3 one could not be decided in time.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	exitAccepted   = 0
	exitRefused    = 1
	exitUnreadable = 2
	exitUndecided  = 3
)

func main() {
	patience := flag.Duration("timeout", 3*time.Minute, "how long one session may take")
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(exitUnreadable)
	}
	worst := exitAccepted
	for _, path := range flag.Args() {
		code := checkFile(path, *patience, os.Stdout)
		if code == exitRefused || worst != exitRefused && code > worst {
			worst = code
		}
	}
	os.Exit(worst)
}

// checkFile checks the history at path, writes its findings to out, and returns an exit code.
func checkFile(path string, patience time.Duration, out io.Writer) int {
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintf(out, "%v\n", err)
		return exitUnreadable
	}
	defer file.Close()
	sessions, err := readHistory(file)
	if err != nil {
		fmt.Fprintf(out, "%s: %v\n", path, err)
		return exitUnreadable
	}
	ids := make([]string, 0, len(sessions))
	operations := 0
	for id, history := range sessions {
		ids = append(ids, id)
		operations += len(history)
	}
	sort.Strings(ids)
	worst := exitAccepted
	for _, id := range ids {
		v := checkSession(id, sessions[id], patience)
		switch {
		case v.undecided:
			fmt.Fprintf(out, "%s: session %s: not decided within %s\n", path, id, patience)
			if worst == exitAccepted {
				worst = exitUndecided
			}
		case !v.accepted:
			fmt.Fprintf(out, "%s: session %s: REFUSED\n%s", path, id, v.explanation)
			draw(path+"."+id+".html", v.info, out)
			worst = exitRefused
		}
	}
	if worst == exitAccepted {
		fmt.Fprintf(out, "%s: %d sessions, %d operations: accepted\n", path, len(ids), operations)
	}
	return worst
}

func draw(path string, info porcupine.LinearizationInfo, out io.Writer) {
	if err := porcupine.VisualizePath(sessionModel, info, path); err != nil {
		fmt.Fprintf(out, "  not drawn: %v\n", err)
		return
	}
	fmt.Fprintf(out, "  drawn in %s\n", path)
}
