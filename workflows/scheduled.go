package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lazi/lazisync/activities"
	"github.com/lazi/lazisync/events"
	"github.com/lazi/lazisync/internal/ledger"
)

// ScheduledSyncInput is the input of ScheduledSync, set by a Temporal Schedule.
type ScheduledSyncInput struct {
	Schedule string
	TenantID events.TenantID
	Mode     events.Mode
	Entities []string `json:",omitempty"` // of the request; none for all of the tenant

	// Set only by continue-as-new.
	RequestID   string
	RequestedAt time.Time `json:"Asked"` // the name in recorded histories
	Accepted    bool
}

// SchedulePrefix begins the name of every schedule.
const SchedulePrefix = "lazisync-"

// ScheduleID returns the ID of the schedule of a tenant, a mode and a group of entities. The group
// is "" for the entities that are in no group.
func ScheduleID(mode events.Mode, tenant events.TenantID, group string) string {
	id := fmt.Sprintf("%s%s-%s", SchedulePrefix, mode, tenant)
	if group != "" {
		id += "-" + group
	}
	return id
}

// scheduledTimeKey is the search attribute with the nominal time of a scheduled workflow.
var scheduledTimeKey = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

var scheduleActivities *activities.Schedules

// ScheduledSync publishes a request and stays open until the request has its outcome, so that a
// schedule that skips overlaps requests no sync while its previous one is open. It fails if no
// bridge accepts the request within an hour: the request was rejected, or no bridge runs. It
// ends as the run of the request ended. The schedule acts at its next time in any case.
func ScheduledSync(ctx workflow.Context, in ScheduledSyncInput) (ledger.RunState, error) {
	if in.RequestID == "" {
		nominal, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledTimeKey)
		if !ok {
			nominal = workflow.Now(ctx) // started by hand
		}
		err := workflow.ExecuteActivity(LedgerOptions(ctx), scheduleActivities.PublishScheduled, activities.ScheduledRequest{
			Schedule: in.Schedule, Nominal: nominal, TenantID: in.TenantID, Mode: in.Mode, Entities: in.Entities,
		}).Get(ctx, &in.RequestID)
		if err != nil {
			return "", err
		}
	}
	if in.RequestedAt.IsZero() {
		in.RequestedAt = workflow.Now(ctx)
	}
	for wait := MinPollInterval; ; wait = min(2*wait, MaxPollInterval) {
		if err := workflow.Sleep(ctx, wait); err != nil {
			return "", err
		}
		state, err := in.requestState(ctx)
		if err != nil {
			return "", err
		}
		if state != "" {
			return state, in.closeError(ctx, state)
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return "", workflow.NewContinueAsNewError(ctx, ScheduledSync, in)
		}
	}
}

// notAcceptedChange is the change ID of the version in which a request that no bridge accepts
// fails its workflow.
const notAcceptedChange = "a request that no bridge takes fails the workflow"

// requestState returns how the request ended, "" while it has not.
func (in *ScheduledSyncInput) requestState(ctx workflow.Context) (state ledger.RunState, err error) {
	if workflow.GetVersion(ctx, notAcceptedChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		err = workflow.ExecuteActivity(LedgerOptions(ctx), scheduleActivities.ScheduledOutcome, in.RequestID).Get(ctx, &state)
		return state, err
	}
	out, err := LookUpOutcome(ctx, in.RequestID, in.RequestedAt, &in.Accepted)
	if err != nil {
		return "", err
	}
	return out.State, nil
}

// outcomeOfSchedule names the change by which Temporal lists a ScheduledSync as failed or
// cancelled if the run of its request was.
const outcomeOfSchedule = "a scheduled sync ends as its run"

// closeError returns the error that closes the workflow as the run of its request ended, nil if
// the run completed.
func (in *ScheduledSyncInput) closeError(ctx workflow.Context, state ledger.RunState) error {
	if state == ledger.Completed || workflow.GetVersion(ctx, outcomeOfSchedule, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	if state == ledger.Cancelled {
		return temporal.NewCanceledError(state)
	}
	message := fmt.Sprintf("the run of request %s failed: see lazisync runs show", in.RequestID)
	return temporal.NewNonRetryableApplicationError(message, "RunFailed", nil, state)
}
