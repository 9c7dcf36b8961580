package store

import (
	"slices"

	"github.com/jackc/pgx/v5/pgtype"
)

// documents are JSON documents as a parameter of type text[]. As text, they cost PostgreSQL half of
// what they cost as jsonb[].
type documents [][]byte

func documentsOf(records []record) documents {
	all := make(documents, len(records))
	for i, r := range records {
		all[i] = r.Raw
	}
	return all
}

// Dimensions implements pgtype.ArrayGetter.
func (d documents) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(d)), LowerBound: 1}}
}

// Index implements pgtype.ArrayGetter. An empty document is not NULL.
func (d documents) Index(i int) any {
	if d[i] == nil {
		return []byte{}
	}
	return d[i]
}

// IndexType implements pgtype.ArrayGetter.
func (d documents) IndexType() any { return []byte(nil) }

// registerDocuments has parameters of type documents allocate their memory once. pgx would append one
// document after another to a buffer, and copy all of them several times.
func registerDocuments(m *pgtype.Map) {
	text, _ := m.TypeForOID(pgtype.TextOID)
	m.RegisterType(&pgtype.Type{Name: "_text", OID: pgtype.TextArrayOID, Codec: &documentsCodec{pgtype.ArrayCodec{ElementType: text}}})
	m.RegisterDefaultPgType(documents(nil), "_text")
}

type documentsCodec struct{ pgtype.ArrayCodec }

// PlanEncode implements pgtype.Codec.
func (c *documentsCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	plan := c.ArrayCodec.PlanEncode(m, oid, format, value)
	if _, ok := value.(documents); ok && plan != nil {
		return documentsPlan{plan}
	}
	return plan
}

type documentsPlan struct{ pgtype.EncodePlan }

// Encode implements pgtype.EncodePlan.
func (p documentsPlan) Encode(value any, buf []byte) ([]byte, error) {
	const perElement, header = 4, 20 // bytes of the length and of the header
	size := header
	for _, d := range value.(documents) {
		size += perElement + len(d)
	}
	return p.EncodePlan.Encode(value, slices.Grow(buf, size))
}
