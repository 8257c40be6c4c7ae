{{/* What all pods have in common. Each takes {root, component, …}. */}}

{{- define "headwater.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headwater.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end }}

{{- define "headwater.podMetadata" -}}
{{- $values := index .root.Values .component -}}
labels:
  {{- include "headwater.selector" . | nindent 2 }}
  {{- with merge (deepCopy $values.podLabels) .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default dict .annotations) $values.podAnnotations .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Where a pod runs, and with which rights. */ -}}
{{- define "headwater.podSettings" -}}
{{- $values := index .root.Values .component -}}
serviceAccountName: {{ include "headwater.account" . }}
enableServiceLinks: false
securityContext:
  {{- include "headwater.podSecurity" . | nindent 2 }}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $class := ternary (include "headwater.fullname" .root) "" .root.Values.priorityClass.create }}
{{- with default $class $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headwater.spread" -}}
{{- $values := index .root.Values .component -}}
topologySpreadConstraints:
{{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "headwater.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The image of a container, its rights and its resources: {root, component, image}. */ -}}
{{- define "headwater.container" -}}
{{- $values := index .root.Values .component -}}
image: {{ include "headwater.image" . }}
imagePullPolicy: {{ .image.pullPolicy }}
securityContext:
  {{- include "headwater.containerSecurity" . | nindent 2 }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The chart's own variables in `own`, the settings of the values, which go before them, and further ones. */ -}}
{{- define "headwater.environment" -}}
{{- $values := index .root.Values .component -}}
env:
{{- range $name, $value := merge (dict) (default dict $values.settings) .own }}
  - name: {{ $name }}
    value: {{ $value | toString | quote }}
{{- end }}
{{- range $name, $source := .secrets }}
  - name: {{ $name }}
    valueFrom:
      secretKeyRef:
        name: {{ $source.existingSecret }}
        key: {{ $source.key }}
{{- end }}
{{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The volumes that say who the server is, and who calls it. */ -}}
{{- define "headwater.caVolume" -}}
- name: server-ca
  {{- with .root.Values.tls.trustBundle }}
  {{- if .configMap }}
  configMap:
    name: {{ .configMap }}
    items:
      - key: {{ .key }}
        path: ca.crt
  {{- else }}
  secret:
    secretName: {{ include "headwater.tlsSecret" (dict "root" $.root "component" "server") }}
    items:
      - key: ca.crt
        path: ca.crt
  {{- end }}
  {{- end }}
{{- end }}
