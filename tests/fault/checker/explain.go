package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// How many operations of the order found are shown before the one that does not fit.
const shownBefore = 8

// How many of the states that it may be at then.
const shownWorlds = 20

// explain says how far the history could be put in order, and why each operation that could come next does not fit.
func explain(history []operation, info porcupine.LinearizationInfo) string {
	order := longestOrder(info)
	worlds := []world{{}}
	placed := make([]bool, len(history))
	for _, i := range order {
		placed[i] = true
		worlds = stepAll(worlds, &history[i])
	}
	var text strings.Builder
	fmt.Fprintf(&text, "  %d of %d operations can be put in order; the last of them:\n", len(order), len(history))
	for _, i := range order[max(0, len(order)-shownBefore):] {
		fmt.Fprintf(&text, "    %s\n", describe(&history[i]))
	}
	for _, w := range worlds[:min(len(worlds), shownWorlds)] {
		fmt.Fprintf(&text, "  then the session may be at: %s\n", w)
	}
	text.WriteString("  and none of these can come next:\n")
	for _, i := range candidates(history, placed) {
		fmt.Fprintf(&text, "    %s\n", describe(&history[i]))
		for _, why := range reasons(worlds, &history[i]) {
			fmt.Fprintf(&text, "      %s\n", why)
		}
	}
	return text.String()
}

func longestOrder(info porcupine.LinearizationInfo) []int {
	var longest []int
	for _, partition := range info.PartialLinearizations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	return longest
}

func stepAll(worlds []world, op *operation) []world {
	seen := map[world]bool{}
	var next []world
	for _, w := range worlds {
		following, _ := w.step(op)
		for _, f := range following {
			if !seen[f] {
				seen[f] = true
				next = append(next, f)
			}
		}
	}
	return next
}

// candidates are the operations that were called before any that is not placed returned.
func candidates(history []operation, placed []bool) []int {
	first := int64(forever)
	for i := range history {
		if !placed[i] && history[i].Return < first {
			first = history[i].Return
		}
	}
	var found []int
	for i := range history {
		if !placed[i] && history[i].Call <= first && history[i].Result != resultUnknown {
			found = append(found, i)
		}
	}
	return found
}

func reasons(worlds []world, op *operation) []string {
	seen := map[string]bool{}
	var found []string
	for _, w := range worlds {
		if _, why := w.step(op); why != "" && !seen[why] {
			seen[why] = true
			found = append(found, why)
		}
	}
	if len(found) == 0 {
		found = append(found, "fits here, but not with what follows")
	}
	return found
}

// describe is one operation in one line.
func describe(op *operation) string {
	asked, _ := json.Marshal(op.Args)
	told, _ := json.Marshal(op.Reply)
	result := op.Result
	if op.Reason != "" {
		result += " " + op.Reason
	}
	return fmt.Sprintf("line %d, client %d: %s %s -> %s %s", op.line, op.Client, op.Op, asked, result, told)
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func max(a, b int) int {
	if a > b {
		return a
	}
	return b
}
