package entity

// payrollEntities are the entities of the module Payroll.
var payrollEntities = []Entity{
	{
		Name: "activity_codes", List: payroll + "activity-codes", Export: payroll + "export/activity-codes",
		States: anyState, Filter: modified, Scope: "tn.prl.activitycodes:r",
		Columns: columns("active, name, code, createdOn"),
	},
	// Items whose id is null are rejected.
	{
		Name: "gross_pay_items", List: payroll + "gross-pay-items", Export: payroll + "export/gross-pay-items",
		Filter: Filter{From: "modifiedOnOrAfter"}, Inactive: Deleted, Scope: "tn.prl.grosspayitems:r",
		Columns: columns("active, jobNumber, amount, date, customerId, locationId, jobId, projectId, invoiceId, employeeId, payrollId, " +
			"employeeType, activityCodeId, paid_duration_hours numeric = paidDurationHours, createdOn"),
	},
	{
		Name: "job_splits", List: payroll + "jobs/splits", Export: payroll + "export/jobs/splits",
		States: anyState, Filter: modified, Sort: byID, Inactive: Deleted, Scope: "tn.prl.jobs:r",
		Columns: columns("active, jobId, technicianId, split numeric, createdOn"),
	},
	{
		Name: "job_timesheets", List: payroll + "jobs/timesheets", Export: payroll + "export/jobs/timesheets",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.prl.jobs:r",
		Columns: columns("active, jobId, appointmentId, technicianId, dispatchedOn, arrivedOn, doneOn, createdOn"),
	},
	{
		Name: "location_labor_rates", List: payroll + "locations/rates",
		States: anyState, Filter: created, Key: TextID, KeyFields: []string{"locationId", "laborTypeCode"}, Scope: "tn.prl.locations:r",
		Columns: columns("active, locationId, laborTypeCode, laborTypeName, hourlyRate, createdOn"),
	},
	{
		Name: "non_job_timesheets", List: payroll + "non-job-timesheets",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.prl.nonjobtimesheets:r",
		Columns: columns("active, employeeId, startedOn, endedOn, createdOn"),
	},
	{
		Name: "payroll_adjustments", List: payroll + "payroll-adjustments", Export: payroll + "export/payroll-adjustments",
		States: anyState, Filter: modified, Scope: "tn.prl.payrolladjustments:r",
		Columns: columns("active, type, amount, invoiceId, employeeId, createdOn"),
	},
	{
		Name: "payroll_settings", List: payroll + "payroll-settings", Export: payroll + "export/payroll-settings",
		States: anyState, Filter: modified, Key: TextID, KeyFields: []string{"employeeId", "employeeType"}, Scope: "tn.prl.payrollsettings:r",
		Columns: columns("active, employeeId, employeeType, hourlyRate, createdOn"),
	},
	{
		Name: "payrolls", List: payroll + "payrolls",
		States: anyState, Filter: modified, Scope: "tn.prl.payrolls:r",
		Columns: columns("active, status, employeeId, employeeType, startedOn, endedOn, createdOn"),
	},
	{
		Name: "timesheet_codes", List: payroll + "timesheet-codes", Export: payroll + "export/timesheet-codes",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.prl.timesheetcodes:r",
		Columns: columns("active, code, type, createdOn"),
	},
	{
		Name: "timesheet_activities", List: timesheets + "activities", Export: timesheets + "export/activities",
		States: anyState, Filter: modified, Scope: "tn.tms.activities:r",
		Columns: columns("active, jobId, projectId, appointmentId, employeeId, activityTypeId, start_time timestamptz = startTime, " +
			"end_time timestamptz = endTime, createdOn"),
	},
	{
		Name: "timesheet_activity_categories", List: timesheets + "activity-categories", Export: timesheets + "export/activity-categories",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.tms.activitycategories:r",
		Columns: columns("active, name, type, createdOn"),
	},
	{
		Name: "timesheet_activity_types", List: timesheets + "activity-types", Export: timesheets + "export/activity-types",
		States: anyState, Filter: modified, Sort: byID, Scope: "tn.tms.activitytypes:r",
		Columns: columns("active, code, businessUnitId, categoryId, createdOn"),
	},
}
