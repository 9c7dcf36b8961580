// Package jsonscan finds the fields of JSON objects and checks the syntax in the same pass: the
// libraries for JSON need several passes, and the pages of a sync are large. Package servicetitan
// decodes pages with it, package store reads typed columns. It must not import another package of
// lazisync.
package jsonscan
