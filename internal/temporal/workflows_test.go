package temporal

import (
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lazi/lazisync/internal/ledger"
	"github.com/lazi/lazisync/workflows"
)

// A later version of Temporal may have another status of an open execution.
func TestAnUnknownStatusIsNotTakenForClosed(t *testing.T) {
	t.Parallel()
	later := enumspb.WorkflowExecutionStatus(99)
	require.Equal(t, workflows.ExecutionUnknown, executionStatus(later))
	require.Equal(t, ledger.WorkflowRunning, workflow(&workflowpb.WorkflowExecutionInfo{Status: later}).Status)
	require.Empty(t, workflow(&workflowpb.WorkflowExecutionInfo{Status: later, CloseTime: timestamppb.Now()}).Status)
	for status := range enumspb.WorkflowExecutionStatus_name {
		if known := enumspb.WorkflowExecutionStatus(status); known != enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED {
			require.NotEqual(t, workflows.ExecutionUnknown, executionStatus(known), known)
			require.NotEmpty(t, workflow(&workflowpb.WorkflowExecutionInfo{Status: known}).Status, known)
		}
	}
}
