{{/* The PostgreSQL, by database.mode. */}}

{{- /* The Secret with the DSN of programs and the key in it, as JSON; an empty name where there is none of its kind (`which`). */ -}}
{{- define "headwater.dsn" -}}
{{- $database := .root.Values.database -}}
{{- if eq $database.mode "evaluation" -}}
{{- $own := include "headwater.name" (dict "root" .root "component" "database") -}}
{{ dict "existingSecret" (ternary $own "" (eq .which "dsn")) "key" "dsn" | toJson }}
{{- else -}}
{{ index $database .which | toJson }}
{{- end -}}
{{- end }}

{{- /* Where programs may reach it, as `to` of a rule. */ -}}
{{- define "headwater.databasePeers" -}}
{{- if eq .Values.database.mode "evaluation" -}}
{{- $selector := include "headwater.selector" (dict "root" . "component" "database") | fromYaml -}}
{{ list (dict "podSelector" (dict "matchLabels" $selector)) | toJson }}
{{- else -}}
{{ .Values.networkPolicy.database.to | toJson }}
{{- end -}}
{{- end }}
