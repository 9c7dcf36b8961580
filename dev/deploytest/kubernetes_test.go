package deploytest

import (
	"os"
	"path/filepath"
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

// built is what kubectl apply -k would apply, by kind and name.
func buildManifests(t *testing.T) map[string]any {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifests)
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

// podsOf lists the pod of every role, and of migrate.
func podsOf(t *testing.T) map[string]corev1.PodSpec {
	t.Helper()
	all := buildManifests(t)
	pods := map[string]corev1.PodSpec{"migrate": all["Job/migrate"].(*batchv1.Job).Spec.Template.Spec}
	for _, role := range roles[:4] {
		pods[role.Name] = all["Deployment/"+role.Name].(*appsv1.Deployment).Spec.Template.Spec
		require.Contains(t, all, "PodDisruptionBudget/"+role.Name)
	}
	return pods
}

func TestKubernetesGivesEveryRoleWhatItNeeds(t *testing.T) {
	t.Parallel()
	config := buildManifests(t)["ConfigMap/lazisync"].(*corev1.ConfigMap).Data
	secret := exampleSecret(t)
	pods := podsOf(t)
	for _, role := range roles {
		container := pods[role.Name].Containers[0]
		require.Equal(t, []string{role.Name}, container.Args)
		var environ []string
		for name, value := range config {
			environ = append(environ, name+"="+value)
		}
		for _, v := range container.Env {
			if v.ValueFrom == nil {
				environ = append(environ, v.Name+"="+v.Value)
				continue
			}
			key := v.ValueFrom.SecretKeyRef
			value, there := secret[key.Key]
			require.True(t, there || key.Optional != nil && *key.Optional, "secret.example.yaml lacks %s", key.Key)
			environ = append(environ, v.Name+"="+value)
		}
		require.Contains(t, environ, "NATS_INBOX_PREFIX=_INBOX_"+role.Name)
		_, err := app.Load(environ, role)
		require.NoError(t, err, role.Name)
	}
}

func TestKubernetesProbesAndRestrictsEveryRole(t *testing.T) {
	t.Parallel()
	for name, pod := range podsOf(t) {
		container := pod.Containers[0]
		require.True(t, *pod.SecurityContext.RunAsNonRoot, name)
		require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type, name)
		require.False(t, *container.SecurityContext.AllowPrivilegeEscalation, name)
		require.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop, name)
		if name == "migrate" {
			continue
		}
		require.Equal(t, "/healthz", container.LivenessProbe.HTTPGet.Path, name)
		require.Equal(t, "/readyz", container.ReadinessProbe.HTTPGet.Path, name)
		require.Equal(t, "admin", container.ReadinessProbe.HTTPGet.Port.StrVal, name)
		require.GreaterOrEqual(t, *pod.TerminationGracePeriodSeconds, int64(35), name)
	}
	// The image listens where the probes ask.
	require.Contains(t, read(t, "Dockerfile"), "ADMIN_ADDR=0.0.0.0:9090")
}
