{{/* What objects are called, and their labels. Most take {root: $, component: server}. */}}

{{- define "headwater.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- /* 40 characters leave room for what is put after it in the name of a Service. */ -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "headwater.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end }}

{{- define "headwater.name" -}}
{{- printf "%s-%s" (include "headwater.fullname" .root) .component -}}
{{- end }}

{{- define "headwater.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "headwater.labels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: headwater
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The common annotations, and those in `annotations`. */ -}}
{{- define "headwater.annotations" -}}
{{- $all := merge (deepCopy (default dict .annotations)) .root.Values.commonAnnotations -}}
{{- if $all }}{{ toYaml $all }}{{ end }}
{{- end }}

{{- /* The metadata of an object: {root, component, name, namespace, labels, annotations, clusterWide}. */ -}}
{{- define "headwater.metadata" -}}
name: {{ default (include "headwater.name" .) .name }}
{{- if not .clusterWide }}
namespace: {{ default (include "headwater.namespace" .root) .namespace }}
{{- end }}
labels:
  {{- include "headwater.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with include "headwater.annotations" . }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headwater.account" -}}
{{- $own := (index .root.Values .component).serviceAccount.name -}}
{{- default (include "headwater.name" .) $own -}}
{{- end }}

{{- /* The reference of an image: {root, image}. */ -}}
{{- define "headwater.image" -}}
{{- $registry := default .root.Values.global.imageRegistry .image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- end -}}
{{- end }}

{{- /* Where the service answers gRPC, as programs in the cluster call it. */ -}}
{{- define "headwater.address" -}}
{{ include "headwater.name" (dict "root" . "component" "server") }}.{{ include "headwater.namespace" . }}.svc:{{ .Values.server.service.grpcPort }}
{{- end }}
