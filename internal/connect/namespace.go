package connect

// NamespaceFix says what to do if the ledger belongs to another Temporal namespace.
const NamespaceFix = "correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE; if that Temporal is lost, run lazisync migrate --accept-namespace: " +
	"open runs end as failed"
