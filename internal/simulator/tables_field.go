package simulator

// Kinds of dispatch, jobs, forms, equipment and calls.

func dispatch() []*kind {
	return module("dispatch/v2",
		&kind{name: "appointment_assignments", list: "appointment-assignments", export: "export/appointment-assignments", exportStates: true,
			scope: "tn.dis.appointmentassignments:r", states: active, ids: true, sorts: byTime,
			fields: "technicianId technicianName:text assignedById:user assignedOn status:Scheduled|Dispatched|Working|Done isPaused:flag jobId appointmentId createdOn modifiedOn active"},
		&kind{name: "arrival_windows", list: "arrival-windows", scope: "tn.dis.arrivalwindows:r", states: active, filter: byCreation,
			fields: "start:clock duration:clock businessUnitIds active"},
		&kind{name: "non_job_appointments", list: "non-job-appointments", scope: "tn.dis.nonjobappointments:r", states: activeOnly, ids: true, sorts: byTime,
			fields: "technicianId start name duration:clock timesheetCodeId? summary? clearDispatchBoard:flag allDay:flag active createdOn modifiedOn createdById"},
		&kind{name: "teams", list: "teams", scope: "tn.dis.teams:r", states: includeInactive, sorts: byTime, fields: "active name? createdBy:user createdOn modifiedOn"},
		&kind{name: "technician_shifts", list: "technician-shifts", scope: "tn.dis.technicianshifts:r", states: active, sorts: byTime,
			fields: "shiftType:Normal|OnCall|TimeOff title:text note:text? active technicianId start end timesheetCodeId? createdOn modifiedOn"},
		&kind{name: "technician_skills", list: "technician-skills", scope: "tn.dis.technicianskills:r", states: active, sorts: byTime, key: []string{"id"},
			fields: "id:code name active technicianId jobTypeIds? createdOn modifiedOn"},
		&kind{name: "zones", list: "zones", scope: "tn.dis.zones:r", states: active, sorts: byTime,
			fields: "active name? zips:strings cities:strings createdBy:user createdOn modifiedOn serviceDaysEnabled:flag businessUnits:ids technicians:ids"},
	)
}

func equipmentSystems() []*kind {
	return module("equipmentsystems/v2",
		&kind{name: "equipment_types", list: "equipment-types", scope: "tn.eqs.equipmenttypes:r", states: active, ids: true,
			sorts: []string{"ID", "Name", "CreatedOn", "ModifiedOn"}, fields: "name active createdOn modifiedOn"},
		&kind{name: "installed_equipment", list: "installed-equipment", export: "export/installed-equipment", scope: "tn.eqs.installedequipment:r", states: active, ids: true, sorts: byTime,
			fields: "active equipmentId? locationId customerId invoiceItemId? name type:named? installedOn? createdOn modifiedOn serialNumber memo manufacturer:text model:text cost " +
				"status:Installed|Replaced tags:none manufacturedOn:day?"},
		&kind{name: "installed_equipment_custom_field_types", list: "installed-equipment/custom-field-types", scope: "tn.eqs.installedequipment:r",
			fields: "name dataType:Text|Dropdown|Numeric dataTypeOptions:none"},
	)
}

func findings() []*kind {
	return module("findings/v2",
		&kind{name: "location_findings", list: "location-findings", scope: "tn.fdgs.locationfindings:r", states: active, ids: true, sorts: []string{"ID", "CreatedOn", "ModifiedOn"},
			fields: "locationId name? description? recommendedSolution:text? installedEquipmentId? urgencyLevel:NotSpecified|Low|Medium|High|Critical sourceJobId? " +
				"archived:flag active createdBy:user modifiedBy:user createdOn modifiedOn"},
	)
}

func formsModule() []*kind {
	return module("forms/v2",
		&kind{name: "form_submissions", list: "submissions", scope: "tn.frm.submissions:r", states: active, filter: bySubmission, maxPage: 500,
			sorts: []string{"Id", "SubmittedOn", "CreatedBy"}, fields: "formId formName:text? submittedOn:created createdById status:Started|Completed owners:none units:lines"},
		&kind{name: "forms", list: "forms", scope: "tn.frm.forms:r", states: active, ids: true, sorts: byTime,
			fields: "active name? published:flag hasConditionalLogic:flag hasTriggers:flag createdById createdOn modifiedOn"},
	)
}

func jobBooking() []*kind {
	return module("jbce/v2",
		&kind{name: "call_reasons", list: "call-reasons", scope: "tn.jbce.callreasons:r", states: active, sorts: byTime, fields: "name isLead:flag active createdOn modifiedOn"},
	)
}

func jobPlanning() []*kind {
	const note = "text:html isPinned:flag createdById createdOn modifiedOn +active"
	const reason = "name active createdOn modifiedOn"
	return module("jpm/v2",
		&kind{name: "appointments", list: "appointments", export: "export/appointments", exportStates: true, scope: "tn.jpm.appointments:r", states: active, ids: true, sorts: byTime,
			fields: "jobId appointmentNumber? start end arrivalWindowStart:time? arrivalWindowEnd:time? status:Scheduled|Dispatched|Working|Hold|Done|Canceled " +
				"specialInstructions:html? createdOn modifiedOn customerId unused:flag createdById isConfirmed:flag active appointmentSummaries:null"},
		&kind{name: "budget_codes", list: "work-breakdown-structure/budget-codes", scope: "tn.jpm.budgetcodes:r", filter: noWindow, fields: "code:digits description:text segments:none"},
		&kind{name: "job_cancel_reasons", list: "job-cancel-reasons", scope: "tn.jpm.jobcancelreasons:r", states: activeAny, sorts: byTime, fields: reason},
		&kind{name: "job_cancel_reasons_lookup", list: "jobs/cancel-reasons", scope: "tn.jpm.jobs:r", shape: unpaged, filter: noWindow, ids: true, requiresOneOf: [][]string{{"ids"}},
			key: []string{"jobId"}, fields: "jobId:self reasonId name text:html"},
		&kind{name: "job_canceled_logs", export: "export/job-canceled-logs", scope: "tn.jpm.jobcanceledlogs:r", fields: "jobId reasonId memo:text? createdOn createdById active"},
		customFieldTypes("job_custom_field_types", "jobs/custom-fields", "tn.jpm.jobs:r"),
		&kind{name: "job_history", export: "export/job-history", scope: "tn.jpm.jobhistory:r", key: []string{"jobId"}, fields: "jobId:self history:history"},
		&kind{name: "job_hold_reasons", list: "job-hold-reasons", scope: "tn.jpm.jobholdreasons:r", states: activeAny, sorts: byTime, fields: reason},
		&kind{name: "job_hold_reasons_lookup", list: "jobs/hold-reasons", scope: "tn.jpm.jobs:r", shape: unpaged, filter: noWindow, ids: true, requiresOneOf: [][]string{{"ids"}},
			key: []string{"jobId"}, fields: "jobId:self reasonId name text:html appointmentHoldReasons:none"},
		&kind{name: "job_notes", export: "export/job-notes", scope: "tn.jpm.jobnotes:r", fields: "+id:self +jobId " + note},
		&kind{name: "job_types", list: "job-types", scope: "tn.jpm.jobtypes:r", states: active, ids: true,
			fields: "name businessUnitIds skills:strings tagTypeIds priority:Low|Normal|High|Urgent duration:int class:text summary noCharge:flag modifiedOn createdOn externalData active"},
		&kind{name: "jobs", core: true, list: "jobs", export: "export/jobs", scope: "tn.jpm.jobs:r", ids: true, sorts: []string{"Id", "ModifiedOn", "CreatedOn", "Priority"},
			firstID: 190_300_000, inactive: 10, inactiveIsDeleted: true, write: writeJob},
		customFieldTypes("project_custom_field_types", "projects/custom-fields", "tn.jpm.projects:r"),
		&kind{name: "project_notes", export: "export/project-notes", scope: "tn.jpm.projectnotes:r", fields: "+id:self +projectId " + note},
		&kind{name: "project_statuses", list: "project-statuses", scope: "tn.jpm.projectstatuses:r", ids: true, sorts: []string{"Id", "Name", "Order", "ModifiedOn", "CreatedOn"},
			fields: "name order:int modifiedOn"},
		&kind{name: "project_sub_statuses", list: "project-substatuses", scope: "tn.jpm.projectsubstatuses:r", states: active, ids: true,
			sorts: []string{"Id", "Name", "Order", "StatusId", "ModifiedOn", "CreatedOn"}, fields: "name statusId order:int modifiedOn active"},
		&kind{name: "project_types", list: "project-types", scope: "tn.jpm.projecttypes:r", filter: noWindow, fields: "name description:text createdById?"},
		&kind{name: "projects", list: "projects", export: "export/projects", scope: "tn.jpm.projects:r", ids: true, dateless: 50,
			sorts: []string{"Id", "ModifiedOn", "CreatedOn", "Name", "TargetCompletionDate"},
			fields: "number name? summary? status:Open|OnHold|Completed? statusId? customerId locationId projectTypeId? projectManagerIds businessUnitIds startDate? " +
				"targetCompletionDate? actualCompletionDate? modifiedOn createdOn customFields externalData jobIds +active"},
		&kind{name: "wbs_segments", list: "work-breakdown-structure/segments", scope: "tn.jpm.segments:r", shape: dataOnly, filter: noWindow,
			fields: "name type:None|CostCode|CostType|Custom structure:Flat|Hierarchal isActive:flag isRequired:flag"},
	)
}

func telecom() []*kind {
	return module("telecom/v2",
		&kind{name: "calls", list: "/telecom/v3/tenant/{tenant}/calls", export: "export/calls", scope: "tn.tlc.calls:r", states: active, ids: true, sorts: byTime,
			inactive: 30, write: writeCall, listed: writeListedCall},
	)
}

func taskManagement() []*kind {
	return module("taskmanagement/v2",
		&kind{name: "tasks", list: "tasks", scope: "tn.tsm.tasks:r", states: active, ids: true, dateless: 50,
			sorts: []string{"Id", "CreatedOn", "DescriptionModifiedOn", "CompletedBy", "Priority"},
			fields: "reportedById:user assignedToId:user active isClosed:flag status:ToDo|InProgress|OnHold|Canceled|Completed closedOn? name? businessUnitId reportedOn " +
				"completeBy:time? customerId? jobId? projectId? description:text? priority:Low|Normal|High|Urgent? taskNumber:int jobNumber? createdOn modifiedOn comments:none"},
	)
}
