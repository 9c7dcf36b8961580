package entity

// dispatchEntities are the entities of the module Dispatch.
var dispatchEntities = []Entity{
	// Like the list, the feed omits inactive assignments by default.
	{
		Name: "appointment_assignments", List: dispatch + "appointment-assignments", Export: dispatch + "export/appointment-assignments",
		ExportStates: anyState, States: anyState, Filter: modified, Sort: byID, IDs: true, Scope: "tn.dis.appointmentassignments:r",
		Columns: columns("active, status, jobId, appointmentId, technicianId, createdOn"),
	},
	// The list filters only by creation time. It is short, so it is read whole to see edits.
	// start is a time of day.
	{
		Name: "arrival_windows", List: dispatch + "arrival-windows",
		States: anyState, Scope: "tn.dis.arrivalwindows:r",
		Columns: columns("active, starts_at text = start"),
	},
	{
		Name: "non_job_appointments", List: dispatch + "non-job-appointments",
		States: notActiveOnly, Filter: modified, Sort: byID, IDs: true, Scope: "tn.dis.nonjobappointments:r",
		Columns: columns("active, name, starts_on timestamptz = start, technicianId, createdOn"),
	},
	{
		Name: "teams", List: dispatch + "teams",
		States: withInactive, Filter: modified, Sort: byID, Scope: "tn.dis.teams:r",
		Columns: columns("active, name, createdOn"),
	},
	{
		Name: "technician_shifts", List: dispatch + "technician-shifts",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.dis.technicianshifts:r",
		Columns: columns("active, starts_on timestamptz = start, ends_on timestamptz = end, technicianId, createdOn"),
	},
	{
		Name: "technician_skills", List: dispatch + "technician-skills",
		States: anyState, Filter: modified, Sort: byID, Key: TextID, Scope: "tn.dis.technicianskills:r",
		Columns: columns("active, name, technicianId, createdOn"),
	},
	{
		Name: "zones", List: dispatch + "zones",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.dis.zones:r",
		Columns: columns("active, name, createdOn"),
	},
}
