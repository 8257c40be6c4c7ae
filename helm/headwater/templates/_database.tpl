{{/* Where the PostgreSQL is, by database.mode: a Secret of the user, or one that CloudNativePG makes. */}}

{{- define "headwater.database" -}}
{{ include "headwater.name" (dict "root" . "component" "db") }}
{{- end }}

{{- /* The Secret with the DSN, and the key in it, as JSON. */ -}}
{{- define "headwater.dsn" -}}
{{- if eq .Values.database.mode "cnpg" -}}
{{ dict "existingSecret" (printf "%s-app" (include "headwater.database" .)) "key" "uri" | toJson }}
{{- else -}}
{{ .Values.database.dsn | toJson }}
{{- end -}}
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
    secretName: {{ include "headwater.database" . }}-ca
    items:
      - {key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}
