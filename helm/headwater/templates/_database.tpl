{{/* The PostgreSQL, by database.mode. */}}

{{- /* The Secret with the DSN of programs and the key in it, as JSON; an empty name where there is none of its kind (`which`). */ -}}
{{- define "headwater.dsn" -}}
{{- $database := .root.Values.database -}}
{{- if eq $database.mode "cnpg" -}}
{{- $made := printf "%s-app" (include "headwater.cnpgCluster" .root) -}}
{{ dict "existingSecret" (ternary $made "" (eq .which "dsn")) "key" "uri" | toJson }}
{{- else if eq $database.mode "evaluation" -}}
{{- $own := include "headwater.name" (dict "root" .root "component" "database") -}}
{{ dict "existingSecret" (ternary $own "" (eq .which "dsn")) "key" "dsn" | toJson }}
{{- else -}}
{{ index $database .which | toJson }}
{{- end -}}
{{- end }}

{{- /* Where programs may reach it, as `to` of a rule. */ -}}
{{- define "headwater.databasePeers" -}}
{{- $told := .Values.networkPolicy.database.to -}}
{{- if and (eq .Values.database.mode "cnpg") (not $told) -}}
{{- $selector := dict "cnpg.io/cluster" (include "headwater.cnpgCluster" .) -}}
{{ list (dict "podSelector" (dict "matchLabels" $selector)) | toJson }}
{{- else if eq .Values.database.mode "evaluation" -}}
{{- $selector := include "headwater.selector" (dict "root" . "component" "database") | fromYaml -}}
{{ list (dict "podSelector" (dict "matchLabels" $selector)) | toJson }}
{{- else -}}
{{ $told | toJson }}
{{- end -}}
{{- end }}

{{- define "headwater.cnpgCluster" -}}
{{ include "headwater.name" (dict "root" . "component" "db") }}
{{- end }}

{{- /* What pods that reach the database are told beside its DSN, as JSON. */ -}}
{{- define "headwater.databaseVariables" -}}
{{- if eq .Values.database.mode "cnpg" -}}
{{ dict "PGSSLMODE" "verify-full" "PGSSLROOTCERT" "/etc/headwater/database/ca.crt" | toJson }}
{{- else -}}
{}
{{- end -}}
{{- end }}

{{- define "headwater.databaseMounts" -}}
{{- if eq .Values.database.mode "cnpg" }}
- {name: database-ca, mountPath: /etc/headwater/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "headwater.databaseVolumes" -}}
{{- if eq .Values.database.mode "cnpg" }}
- name: database-ca
  secret:
    secretName: {{ include "headwater.cnpgCluster" . }}-ca
    items:
      - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}
