//go:build containers && linux

package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// requirePodsSync replaces the roles of docker-compose.yml by the pods of the Kubernetes manifests,
// which "podman play kube" starts. It cannot execute the probes, for which it needs a shell in the
// image, and knows no Job: migrate and the toolbox are pods here.
func (e *engine) requirePodsSync(t *testing.T) {
	t.Helper()
	for _, role := range roles[:4] {
		e.run("rm", "--force", "--time=40", role.Name)
	}
	all := buildManifests(t)
	config := e.configMap(all["ConfigMap/lazisync"].(*corev1.ConfigMap))
	e.createSecret(t)
	pods := podsOf(t)
	e.runPod(t, "migrate", pods["migrate"], config)
	for _, role := range roles[:4] {
		container := e.play(t, role.Name, pods[role.Name], config)
		require.Eventually(t, func() bool {
			_, err := e.try("exec", container, "lazisync", "healthcheck")
			return err == nil
		}, containerWait, 500*time.Millisecond, "%s is not ready", role.Name)
		e.requireUnprivileged(container)
	}
	pod := pods[toolbox]
	pod.Containers[0].Args = []string{"request", "full", "--wait"}
	require.Contains(t, e.runPod(t, toolbox, pod, config), "completed  run ")
}

// configMap is the manifest's with the values that Compose gives to the worker.
func (e *engine) configMap(m *corev1.ConfigMap) *corev1.ConfigMap {
	for _, name := range []string{"SERVICETITAN_API_URL", "SERVICETITAN_AUTH_URL"} {
		m.Data[name] = ""
	}
	delete(m.Data, "SERVICETITAN_ENVIRONMENT")
	for name := range m.Data {
		if value := e.service("worker").Environment[name]; value != nil {
			m.Data[name] = *value
		}
	}
	m.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
	return m
}

// createSecret creates the secret with the keys of secret.example.yaml and the values that Compose
// gives to the services. Podman 4 reads only secrets in JSON, and writes those of manifests in YAML.
func (e *engine) createSecret(t *testing.T) {
	t.Helper()
	data := map[string][]byte{}
	for key := range exampleSecret(t) {
		data[key] = nil
	}
	for key, from := range map[string][2]string{
		"migrate-nats-url": {"migrate", "NATS_URL"}, "bridge-nats-url": {"bridge", "NATS_URL"}, "worker-nats-url": {"worker", "NATS_URL"},
		"notifier-nats-url": {"notifier", "NATS_URL"}, "gateway-nats-url": {"gateway", "NATS_URL"}, "operator-nats-url": {toolbox, "NATS_URL"},
		"owner-database-url": {"migrate", "DATABASE_URL"}, "database-url": {"bridge", "DATABASE_URL"}, "gateway-database-url": {"gateway", "DATABASE_URL"},
		"client-id": {"worker", "SERVICETITAN_CLIENT_ID"}, "client-secret": {"worker", "SERVICETITAN_CLIENT_SECRET"}, "app-key": {"worker", "SERVICETITAN_APP_KEY"},
		"webhook-secret": {"gateway", "SERVICETITAN_WEBHOOK_SECRET"}, "api-tokens": {"gateway", "API_TOKENS"},
	} {
		value := e.service(from[0]).Environment[from[1]]
		require.NotNil(t, value, "%s has no %s", from[0], from[1])
		require.Contains(t, data, key)
		data[key] = []byte(*value)
	}
	text, err := json.Marshal(data)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	e.run("secret", "create", "lazisync", file)
}

// play starts a pod of the manifests and returns the name of its container.
func (e *engine) play(t *testing.T, name string, spec corev1.PodSpec, config *corev1.ConfigMap) string {
	t.Helper()
	for i := range spec.Containers {
		c := &spec.Containers[i]
		c.Image, c.LivenessProbe, c.ReadinessProbe = e.image("bridge"), nil, nil
		c.Ports = nil // Podman 4 publishes them, all roles have the same
	}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name + "-pod"}, Spec: spec,
	}
	var documents []string
	for _, object := range []any{pod, config} {
		text, err := yaml.Marshal(object)
		require.NoError(t, err)
		documents = append(documents, string(text))
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(documents, "---\n")), 0o600))
	e.run("play", "kube", "--network="+network, file)
	return pod.Name + "-" + spec.Containers[0].Name
}

// runPod starts a pod and returns what it printed when it has ended well.
func (e *engine) runPod(t *testing.T, name string, spec corev1.PodSpec, config *corev1.ConfigMap) string {
	t.Helper()
	spec.RestartPolicy = corev1.RestartPolicyNever
	container := e.play(t, name, spec, config)
	require.Eventually(t, func() bool {
		state, _ := e.try("inspect", "--format={{.State.Status}}", container)
		return state == "exited"
	}, containerWait, 500*time.Millisecond, "%s has not ended", name)
	out := e.run("logs", container)
	require.Equal(t, "0", e.run("inspect", "--format={{.State.ExitCode}}", container), out)
	return out
}
