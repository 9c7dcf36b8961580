package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

// chain reads the histories of a workflow, one for each of its executions.
func (w *deployment) chain(ctx context.Context, workflowID string) ([]*history.History, error) {
	described, err := w.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return nil, err
	}
	var chain []*history.History
	for runID := described.GetWorkflowExecutionInfo().GetFirstRunId(); runID != ""; {
		one := &history.History{}
		for events := w.temporal.GetWorkflowHistory(ctx, workflowID, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
			event, err := events.Next()
			if err != nil {
				return nil, fmt.Errorf("history of %s: %w", workflowID, err)
			}
			one.Events = append(one.Events, event)
		}
		chain = append(chain, one)
		last := one.Events[len(one.Events)-1]
		runID = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return chain, nil
}

// write writes a history in the form of `temporal workflow show --output json`.
func write(path string, h *history.History) error {
	encoded, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	var document any
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	anonymise(document)
	text, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

const someWorker = "worker"

// anonymise removes what identifies the machine: the names of the workers and of their sticky task
// queues.
func anonymise(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			anonymise(child)
		}
	case map[string]any:
		if node["kind"] == "TASK_QUEUE_KIND_STICKY" {
			node["name"] = someWorker
		}
		for name, child := range node {
			if _, isText := child.(string); isText && name == "identity" {
				node[name] = someWorker
			}
			anonymise(child)
		}
	}
}
