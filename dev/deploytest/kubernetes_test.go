package deploytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/lazi/lazisync/internal/app"
)

var manifests = filepath.Join(root, "deploy", "kubernetes")

// kinds are Kubernetes' own types: reading strictly into them finds a misspelt field.
var kinds = map[string]func() any{
	"Namespace":           func() any { return &corev1.Namespace{} },
	"ConfigMap":           func() any { return &corev1.ConfigMap{} },
	"Secret":              func() any { return &corev1.Secret{} },
	"Service":             func() any { return &corev1.Service{} },
	"Deployment":          func() any { return &appsv1.Deployment{} },
	"Job":                 func() any { return &batchv1.Job{} },
	"PodDisruptionBudget": func() any { return &policyv1.PodDisruptionBudget{} },
	"NetworkPolicy":       func() any { return &networkingv1.NetworkPolicy{} },
}

// buildManifests returns what kubectl apply -k would apply, by kind and name.
func buildManifests(t *testing.T) map[string]any {
	t.Helper()
	return build(t, manifests)
}

func build(t *testing.T, dir string) map[string]any {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	all := map[string]any{}
	for _, r := range resources.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		all[r.GetKind()+"/"+r.GetName()] = strict(t, r.GetKind(), text)
	}
	return all
}

func strict(t *testing.T, kind string, text []byte) any {
	t.Helper()
	require.Contains(t, kinds, kind)
	object := kinds[kind]()
	require.NoError(t, yaml.UnmarshalStrict(text, object), "%s", text)
	return object
}

func exampleSecret(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manifests, "secret.example.yaml"))
	require.NoError(t, err)
	return strict(t, "Secret", text).(*corev1.Secret).StringData
}

// podsOf lists the pod of every role, of migrate and of the toolbox.
func podsOf(t *testing.T) map[string]corev1.PodSpec {
	t.Helper()
	all := buildManifests(t)
	pods := rolesOf(all)
	pods[toolbox] = toolboxJob(t).Spec.Template.Spec
	for _, role := range roles[:4] {
		require.Contains(t, all, "PodDisruptionBudget/"+role.Name)
	}
	return pods
}

func rolesOf(all map[string]any) map[string]corev1.PodSpec {
	pods := map[string]corev1.PodSpec{"migrate": all["Job/migrate"].(*batchv1.Job).Spec.Template.Spec}
	for _, role := range roles[:4] {
		pods[role.Name] = all["Deployment/"+role.Name].(*appsv1.Deployment).Spec.Template.Spec
	}
	return pods
}

func toolboxJob(t *testing.T) *batchv1.Job {
	t.Helper()
	return strict(t, "Job", []byte(read(t, "deploy", "kubernetes", "toolbox.yaml"))).(*batchv1.Job)
}

// environOf is the environment of a pod of the manifests, with the secrets of the example.
func environOf(t *testing.T, pod corev1.PodSpec, config map[string]string) (environ []string) {
	t.Helper()
	secret := exampleSecret(t)
	for name, value := range config {
		environ = append(environ, name+"="+value)
	}
	for _, v := range pod.Containers[0].Env {
		if v.ValueFrom == nil {
			environ = append(environ, v.Name+"="+v.Value)
			continue
		}
		value, there := secret[v.ValueFrom.SecretKeyRef.Key]
		require.True(t, there, "secret.example.yaml lacks %s", v.ValueFrom.SecretKeyRef.Key)
		environ = append(environ, v.Name+"="+value)
	}
	return environ
}

func TestKubernetesGivesEveryRoleWhatItNeeds(t *testing.T) {
	t.Parallel()
	config := buildManifests(t)["ConfigMap/lazisync"].(*corev1.ConfigMap).Data
	pods := podsOf(t)
	for _, role := range roles {
		require.Equal(t, []string{role.Name}, pods[role.Name].Containers[0].Args)
		environ := environOf(t, pods[role.Name], config)
		require.Contains(t, environ, "NATS_INBOX_PREFIX=_INBOX_"+role.Name)
		_, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
	}
}

// withComponents builds the manifests with components that kustomization.yaml offers in a comment.
func withComponents(t *testing.T, components ...string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(manifests)))
	file := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.ReplaceAll(string(text), "#components:", "components:")
	for _, component := range components {
		require.Contains(t, lines, "#  - "+component+" ")
		lines = strings.ReplaceAll(lines, "#  - "+component+" ", "  - "+component+" ")
	}
	require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
	return build(t, dir)
}

func TestKubernetesWithTemporalCloud(t *testing.T) {
	t.Parallel()
	all := withComponents(t, "temporal-cloud")
	config := all["ConfigMap/lazisync"].(*corev1.ConfigMap).Data
	for _, role := range roles {
		environ := environOf(t, rolesOf(all)[role.Name], config)
		i := slices.Index(environ, "TEMPORAL_API_KEY=")
		require.Equal(t, role.Name == "notifier", i < 0, role.Name)
		if i >= 0 {
			environ[i] += "key"
		}
		cfg, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
		require.True(t, cfg.Temporal.TLS.Enabled())
		require.Contains(t, cfg.Temporal.Address, ".api.temporal.io:7233")
	}
}

func TestKubernetesWithATenantsFile(t *testing.T) {
	t.Parallel()
	all := withComponents(t, "tenants-file", "temporal-cloud")
	config := all["ConfigMap/lazisync"].(*corev1.ConfigMap).Data
	file := filepath.Join(t.TempDir(), "tenants.json")
	require.NoError(t, os.WriteFile(file, []byte(twoTenants), 0o600))
	for _, role := range roles {
		pod := rolesOf(all)[role.Name]
		environ := environOf(t, pod, config)
		i := slices.Index(environ, "SERVICETITAN_TENANTS_FILE=/etc/lazisync/tenants.json")
		require.Equal(t, role.Name == "notifier", i < 0, role.Name)
		if i < 0 {
			continue
		}
		environ[i] = "SERVICETITAN_TENANTS_FILE=" + file
		cfg, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
		require.Len(t, cfg.Tenants, 2, role.Name)
		require.Equal(t, "/etc/lazisync", pod.Containers[0].VolumeMounts[0].MountPath)
		require.Equal(t, "lazisync-tenants", pod.Volumes[0].Secret.SecretName)
		require.EqualValues(t, 0o440, *pod.Volumes[0].Secret.DefaultMode)
		require.Equal(t, *pod.SecurityContext.RunAsGroup, *pod.SecurityContext.FSGroup, "the file's group")
	}
}

// The toolbox runs the image of the roles, where network policies and quotas find it.
func TestKubernetesToolbox(t *testing.T) {
	t.Parallel()
	all := buildManifests(t)
	job := toolboxJob(t)
	pod := job.Spec.Template
	require.Equal(t, rolesOf(all)["bridge"].Containers[0].Image, pod.Spec.Containers[0].Image)
	require.Equal(t, all["Namespace/lazisync"].(*corev1.Namespace).Name, job.Namespace)
	require.Equal(t, "lazisync", pod.Labels["app.kubernetes.io/name"])
	environ := environOf(t, pod.Spec, all["ConfigMap/lazisync"].(*corev1.ConfigMap).Data)
	require.Contains(t, environ, "NATS_INBOX_PREFIX=_INBOX_operator")
	require.Contains(t, environ, "NATS_URL=nats://operator:change-me@nats.nats:4222")
	for _, role := range []app.Role{app.ToolRole, app.StatusRole, app.ScheduleRole} {
		_, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
	}
}

// Only the gateway accepts connections from everywhere, and only on its port.
func TestKubernetesNetworkPolicies(t *testing.T) {
	t.Parallel()
	all := buildManifests(t)
	everyPod := all["NetworkPolicy/lazisync"].(*networkingv1.NetworkPolicy).Spec
	for role, labels := range podLabels(t) {
		for key, value := range everyPod.PodSelector.MatchLabels {
			require.Equal(t, value, labels[key], role)
		}
	}
	require.Len(t, everyPod.Ingress, 1)
	require.EqualValues(t, 9090, everyPod.Ingress[0].Ports[0].Port.IntVal)
	require.NotEmpty(t, everyPod.Ingress[0].From)
	gateway := all["NetworkPolicy/gateway"].(*networkingv1.NetworkPolicy).Spec
	require.Equal(t, "gateway", gateway.PodSelector.MatchLabels["app.kubernetes.io/component"])
	require.EqualValues(t, 8080, gateway.Ingress[0].Ports[0].Port.IntVal)
}

func TestKubernetesProbesAndRestrictsEveryRole(t *testing.T) {
	t.Parallel()
	for name, pod := range podsOf(t) {
		container := pod.Containers[0]
		require.True(t, *pod.SecurityContext.RunAsNonRoot, name)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
		require.False(t, *container.SecurityContext.AllowPrivilegeEscalation, name)
		require.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop, name)
		require.True(t, *container.SecurityContext.ReadOnlyRootFilesystem, name)
		require.False(t, container.Resources.Limits.Memory().IsZero(), name)
		if name == "migrate" || name == toolbox {
			continue
		}
		require.Equal(t, "/healthz", container.LivenessProbe.HTTPGet.Path, name)
		require.Equal(t, "/readyz", container.ReadinessProbe.HTTPGet.Path, name)
		require.Equal(t, "admin", container.ReadinessProbe.HTTPGet.Port.StrVal, name)
		require.GreaterOrEqual(t, *pod.TerminationGracePeriodSeconds, int64(35), name)
	}
	// The image listens at the port of the probes.
	require.Contains(t, read(t, "Dockerfile"), "ADMIN_ADDR=0.0.0.0:9090")
}
