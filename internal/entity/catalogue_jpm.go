package entity

// jpmEntities are the entities of the module Job Planning & Management beside the core.
var jpmEntities = []Entity{
	{
		Name: "appointments", List: jpm + "appointments", Export: jpm + "export/appointments",
		ExportStates: anyState, States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.jpm.appointments:r",
		Columns: columns("active, appointmentNumber, status, starts_on timestamptz = start, ends_on timestamptz = end, customerId, jobId, " +
			"arrival_window_start timestamptz = arrivalWindowStart, arrival_window_end timestamptz = arrivalWindowEnd, " +
			"createdOn"),
	},
	{
		Name: "budget_codes", List: jpm + "work-breakdown-structure/budget-codes",
		Scope:   "tn.jpm.budgetcodes:r",
		Columns: columns("active, code, description"),
	},
	{
		Name: "job_cancel_reasons", List: jpm + "job-cancel-reasons",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.jpm.jobcancelreasons:r",
		Columns: columns("active, name, createdOn"),
	},
	// The list needs a job.
	{
		Name: "job_canceled_logs", Export: jpm + "export/job-canceled-logs",
		Scope:   "tn.jpm.jobcanceledlogs:r",
		Columns: columns("active, jobId, reasonId, memo, createdOn"),
	},
	fieldTypes("job_custom_field_types", jpm+"jobs/custom-fields", "tn.jpm.jobs:r"),
	// One record for each job, with its whole history.
	{
		Name: "job_history", Export: jpm + "export/job-history",
		KeyFields: []string{"jobId"}, Scope: "tn.jpm.jobhistory:r",
		Columns: columns("active, jobId"),
	},
	{
		Name: "job_hold_reasons", List: jpm + "job-hold-reasons",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.jpm.jobholdreasons:r",
		Columns: columns("active, name, createdOn"),
	},
	// The list needs a job, and its rows have no id.
	{
		Name: "job_notes", Export: jpm + "export/job-notes",
		Inactive: Deleted, Scope: "tn.jpm.jobnotes:r",
		Columns: columns("active, jobId, text, createdOn"),
	},
	{
		Name: "job_types", List: jpm + "job-types",
		States: anyState, Filter: modified, IDs: true, Scope: "tn.jpm.jobtypes:r",
		Columns: columns("active, name, priority, createdOn"),
	},
	fieldTypes("project_custom_field_types", jpm+"projects/custom-fields", "tn.jpm.projects:r"),
	// The list needs a project, and its rows have no id.
	{
		Name: "project_notes", Export: jpm + "export/project-notes",
		Inactive: Deleted, Scope: "tn.jpm.projectnotes:r",
		Columns: columns("active, projectId, text, createdOn"),
	},
	{
		Name: "project_statuses", List: jpm + "project-statuses",
		Filter: modified, Sort: byID, IDs: true, Scope: "tn.jpm.projectstatuses:r",
		Columns: columns("active, name, position bigint = order"),
	},
	{
		Name: "project_sub_statuses", List: jpm + "project-substatuses",
		States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.jpm.projectsubstatuses:r",
		Columns: columns("active, name, statusId"),
	},
	{
		Name: "project_types", List: jpm + "project-types",
		Scope:   "tn.jpm.projecttypes:r",
		Columns: columns("active, name, description"),
	},
	{
		Name: "projects", List: jpm + "projects", Export: jpm + "export/projects",
		Filter: modified, Sort: byID, IDs: true, Inactive: Deleted, Scope: "tn.jpm.projects:r",
		Columns: columns("active, name, number, status, customerId, locationId, startDate, targetCompletionDate, actualCompletionDate, " +
			"createdOn"),
	},
	{
		Name: "wbs_segments", List: jpm + "work-breakdown-structure/segments",
		Shape: Data, Scope: "tn.jpm.segments:r",
		Columns: columns("active boolean = isActive, name, type"),
	},
}
