package simulator

import (
	"net/http"
	"net/url"
	"strconv"
)

// child is a list of the records of one parent. An entity of its own lists the same records
// for all parents.
type child struct {
	name    string // in statistics and faults
	path    string
	scope   string
	entity  string
	parent  string // the entity whose id is in the path
	field   string // the field of a record with the id of its parent
	shape   shape
	filter  window
	refuses bool // 409 if the parent is not active
}

var children = []child{
	{name: "customer_contacts_by_customer", path: "/crm/v2/tenant/{tenant}/customers/{id}/contacts", scope: "tn.crm.customers:r",
		entity: "customer_contacts", parent: "customers", field: "customerId", filter: noWindow, refuses: true},
	{name: "location_contacts_by_location", path: "/crm/v2/tenant/{tenant}/locations/{id}/contacts", scope: "tn.crm.locations:r",
		entity: "location_contacts", parent: "locations", field: "locationId", filter: noWindow},
	{name: "job_notes", path: "/jpm/v2/tenant/{tenant}/jobs/{id}/notes", scope: "tn.jpm.jobs:r", entity: "job_notes", parent: "jobs", field: "jobId", filter: noWindow},
	{name: "job_canceled_logs", path: "/jpm/v2/tenant/{tenant}/jobs/{id}/canceled-log", scope: "tn.jpm.jobs:r", entity: "job_canceled_logs", parent: "jobs", field: "jobId", filter: noWindow},
	{name: "project_notes", path: "/jpm/v2/tenant/{tenant}/projects/{id}/notes", scope: "tn.jpm.projects:r", entity: "project_notes", parent: "projects", field: "projectId", filter: noWindow},
	{name: "membership_status_changes", path: "/memberships/v2/tenant/{tenant}/memberships/{id}/status-changes", scope: "tn.mem.memberships:r",
		entity: "membership_status_changes", parent: "customer_memberships", field: "membershipId", filter: noWindow, shape: bare},
	{name: "job_splits_by_job", path: "/payroll/v2/tenant/{tenant}/jobs/{id}/splits", scope: "tn.prl.jobs:r", entity: "job_splits", parent: "jobs", field: "jobId"},
	{name: "job_timesheets_by_job", path: "/payroll/v2/tenant/{tenant}/jobs/{id}/timesheets", scope: "tn.prl.jobs:r", entity: "job_timesheets", parent: "jobs", field: "jobId"},
}

// childPage responds to a request for the records of one parent.
func (s *Simulator) childPage(to route, parent string, values url.Values, fault Fault) response {
	of := to.of
	id, err := strconv.ParseInt(parent, 10, 64)
	if err != nil {
		return s.problem(http.StatusBadRequest, "One or more validation errors occurred.", map[string][]string{"id": {"The value '" + parent + "' is not valid."}})
	}
	holder := s.visible(of.parent).find(id)
	switch {
	case holder == nil:
		return s.problem(http.StatusNotFound, "Not Found", nil)
	case of.refuses && holder.Inactive:
		return s.problem(http.StatusConflict, "The record is not active.", nil)
	}
	childKind := *to.kind
	childKind.shape, childKind.filter, childKind.requiresOneOf, childKind.filterByReference = of.shape, of.filter, nil, reference{}
	return s.listPage(&childKind, s.visible(of.entity), values, fault, func(r *record) bool { return r.value(of.field) == parent })
}
