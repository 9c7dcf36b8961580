package views

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/lazi/lazisync/internal/entity"
	"github.com/lazi/lazisync/internal/store/ddl"
)

// QualifiedName returns the name of the view with its schema, st.customers.
func (v View) QualifiedName() string { return Schema + "." + v.Name }

// Aliases in the queries: t is the record, i the element of an array, z the time zone, and the
// first letter of their entity the customer and the location of the record.
const (
	recordAlias  = "t"
	elementAlias = "i"
	zoneAlias    = "z"
)

// zonesTable has the time zone of each tenant.
const zonesTable = ddl.Schema + ".sync_time_zones"

// Query returns the query of the view. It never fails: a value of another type is NULL. It reads
// typed columns where the catalogue has them, since those need no decompression of the record. A
// table that no column of a query needs is not read: each is joined by its primary key.
func (v View) Query() string {
	names := []string{recordAlias + ".tenant_id"}
	for _, c := range v.Columns {
		value := v.value(c)
		names = append(names, value+" as "+ddl.Quote(c.Name))
		if c.Kind == Time {
			names = append(names, fmt.Sprintf("%s at time zone coalesce(%s.time_zone, 'UTC') as %s", value, zoneAlias, ddl.Quote(c.Name+localSuffix)))
		}
	}
	return "select " + strings.Join(names, ",\n    ") + "\nfrom " + strings.Join(v.from(), "\n") + "\nwhere " + v.where()
}

// from lists the tables.
func (v View) from() []string {
	from := []string{table(v.entity()) + " " + recordAlias}
	if list := v.list(); list != "" {
		from = append(from, fmt.Sprintf("cross join lateral %s with ordinality %s (item, place)", elements(recordAlias+".full_data", list), elementAlias))
	}
	if slices.ContainsFunc(v.Columns, func(c Column) bool { return c.Kind == Time }) {
		from = append(from, fmt.Sprintf("left join %s %s on %[2]s.tenant_id = %s.tenant_id", zonesTable, zoneAlias, recordAlias))
	}
	for _, c := range v.Columns {
		if of := c.Kind.mergeable(); of != "" {
			from = append(from, fmt.Sprintf("left join %s %s on %[2]s.tenant_id = %[3]s.tenant_id and %[2]s.st_id = %[4]s", tableOf(of), of[:1], recordAlias, v.field(c, entity.Bigint)))
		}
	}
	return from
}

func (v View) where() string {
	live := recordAlias + ".deleted_at is null"
	if v.list() != "" {
		live += " and jsonb_typeof(" + elementAlias + ".item) = 'object'"
	}
	return live
}

// list returns the path of the array whose elements are the rows, "" if the records are.
func (v View) list() string {
	for _, c := range v.Columns {
		if list, _, ok := strings.Cut(c.Path, elementMark); ok {
			return list
		}
	}
	return ""
}

// elementMark separates the path of an array from a path in its elements.
const elementMark = "[]."

// value returns the expression of a column, of a Time that of the instant.
func (v View) value(c Column) string {
	switch c.Kind {
	case Bigint:
		return v.field(c, entity.Bigint)
	case Numeric:
		var terms []string
		for path := range strings.SplitSeq(c.Path, " + ") {
			terms = append(terms, v.field(Column{Path: path}, entity.Numeric))
		}
		return strings.Join(terms, " + ")
	case Boolean:
		return v.field(c, entity.Boolean)
	case Date:
		return "(" + v.field(c, entity.Timestamptz) + " at time zone 'UTC')::date"
	case Time:
		return v.field(c, entity.Timestamptz)
	case Customer, Location:
		of := c.Kind.mergeable()
		return survivor(tableOf(of), v.field(c, entity.Bigint), of[:1]+".merged_to_id")
	case Merged:
		return "nullif(" + survivor(table(v.entity()), recordAlias+".st_id", recordAlias+".merged_to_id") + ", " + recordAlias + ".st_id)"
	case IDs:
		return fmt.Sprintf("array(select %[1]s.to_bigint(e) from %s e where %[1]s.to_bigint(e) is not null)", ddl.Schema, elements(recordAlias+".full_data", c.Path))
	case CustomFields:
		return fmt.Sprintf("(select coalesce(jsonb_object_agg(%[1]s.to_text(e -> 'name'), e -> 'value'), '{}') from %s e where %[1]s.to_text(e -> 'name') is not null)",
			ddl.Schema, elements(recordAlias+".full_data", c.Path))
	case Position:
		return elementAlias + ".place"
	case Document:
		return recordAlias + ".full_data"
	}
	return v.field(c, entity.Text)
}

// field returns the expression of a field with a type. Timestamps need a typed column: their cast
// is not safe in parallel queries, and may not be called by every reader.
func (v View) field(c Column, kind entity.ColumnType) string {
	if _, path, ok := strings.Cut(c.Path, elementMark); ok {
		return ddl.ColumnValue(elementAlias+".item", entity.Column{Path: path, Type: kind})
	}
	switch c.Path {
	case "id":
		return recordAlias + ".st_id"
	case "modifiedOn":
		return recordAlias + ".modified_on"
	}
	for _, typed := range v.entity().Columns {
		if typed.Path == c.Path && typed.Type == kind {
			return recordAlias + "." + ddl.Quote(typed.Name)
		}
	}
	if kind == entity.Timestamptz {
		panic(fmt.Sprintf("views: %s.%s: the catalogue has no typed column for %s", v.Name, c.Name, c.Path))
	}
	return ddl.ColumnValue(recordAlias+".full_data", entity.Column{Path: c.Path, Type: kind})
}

// survivorTemplate follows merges from record ID, whose field mergedToId is NEXT, to the record
// that remains, or returns ID if the merges form a cycle. The subquery runs only for merged records.
const survivorTemplate = `case when NEXT is null then ID else (
        with recursive merges (id, seen) as (
            select NEXT, array[ID]
            union all
            select m.merged_to_id, seen || merges.id
            from merges join TABLE m on m.tenant_id = ` + recordAlias + `.tenant_id and m.st_id = merges.id
            where m.merged_to_id is not null and merges.id <> all (seen)
        )
        select case when id = any (seen) then ID else id end from merges order by cardinality(seen) desc limit 1
    ) end`

func survivor(table, id, next string) string {
	return strings.NewReplacer("TABLE", table, "NEXT", next, "ID", id).Replace(survivorTemplate)
}

// elements returns the set of the elements of an array in a document, empty if there is no array.
func elements(document, path string) string {
	return fmt.Sprintf("jsonb_path_query(%s, 'strict $.%s[*]', silent => true)", document, path)
}

func table(e entity.Entity) string { return ddl.Schema + "." + e.Table() }

func tableOf(name string) string { return View{Entity: name}.table() }

func (v View) table() string { return table(v.entity()) }

// marker begins the part of a view's comment by which lazisync recognizes its views. PostgreSQL has
// no other place for it that disappears with the view.
const marker = "lazisync view, version "

// Comment returns the comment of the view, with the version and the digest of its definition.
func (v View) Comment() string {
	return fmt.Sprintf("%s (%s%d, %s)", v.Doc, marker, Version, v.Digest())
}

// Digest returns a digest of the definition and the comments.
func (v View) Digest() string {
	sum := sha256.Sum256([]byte(v.Doc + "\n" + v.Query() + "\n" + strings.Join(v.columnComments(), "\n")))
	return hex.EncodeToString(sum[:8])
}

// ParseComment returns version and digest of a view's comment; ok is false for a view that is not
// lazisync's.
func ParseComment(comment string) (version int, digest string, ok bool) {
	_, rest, ok := strings.Cut(comment, marker)
	if !ok {
		return 0, "", false
	}
	n, err := fmt.Sscanf(strings.TrimSuffix(rest, ")"), "%d, %s", &version, &digest)
	return version, digest, err == nil && n == 2
}

// CreateSQL returns the statements that create the view, or replace it if the new one has the columns
// of the existing one at its beginning. The first statement is the view, the others are comments.
func (v View) CreateSQL() []string {
	return append([]string{
		"create or replace view " + v.QualifiedName() + " as\n" + v.Query(),
		"comment on view " + v.QualifiedName() + " is " + literal(v.Comment()),
	}, v.columnComments()...)
}

func (v View) columnComments() (all []string) {
	for _, c := range v.Describe() {
		all = append(all, fmt.Sprintf("comment on column %s.%s is %s", v.QualifiedName(), ddl.Quote(c.Name), literal(c.Doc)))
	}
	return all
}

// literal returns a text as a string constant.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
