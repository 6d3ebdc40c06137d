{{/* Combinations that the schema cannot explain. */}}
{{- define "monotron.validate" -}}
{{- with .Values }}
{{- if and (eq .store.type "sqlite") (gt (int .replicas) 1) }}
{{- fail (printf "replicas is %d, but one server owns an SQLite file. Set replicas to 1, or store.type to mongodb." (int .replicas)) }}
{{- end }}
{{- if eq .store.type "mongodb" }}
{{- if not (or .store.mongodb.url .store.mongodb.existingSecret) }}
{{- fail "store.type is mongodb, but its URL is missing. Set store.mongodb.existingSecret or store.mongodb.url." }}
{{- end }}
{{- if and .store.mongodb.url .store.mongodb.existingSecret }}
{{- fail "store.mongodb.url and store.mongodb.existingSecret are both set. Remove one of them." }}
{{- end }}
{{- if .backup.enabled }}
{{- fail "backup.enabled is for SQLite only. Set it to false, and back up MongoDB with its own tools." }}
{{- end }}
{{- end }}
{{- if and .rootKey.secret .rootKey.existingSecret }}
{{- fail "rootKey.secret and rootKey.existingSecret are both set. Remove one of them." }}
{{- end }}
{{- if and .rootKey.secret (lt (len .rootKey.secret) 20) }}
{{- fail "rootKey.secret has fewer than 20 characters. Generate one with `monotron root-secret`." }}
{{- end }}
{{- if lt (int .terminationGracePeriodSeconds) (add (ceil .drainDelaySeconds) 25 | int) }}
{{- fail "terminationGracePeriodSeconds is too short. Set it to at least 25 more than drainDelaySeconds." }}
{{- end }}
{{- range $name, $job := dict "audit" .audit "backup" .backup }}
{{- if $job.enabled }}
{{- if not $.Values.url }}
{{- fail (printf "%s.enabled needs url. Set it to the https URL of the Ingress or HTTPRoute." $name) }}
{{- end }}
{{- if not $.Values.maintenance.existingSecret }}
{{- fail (printf "%s.enabled needs maintenance.existingSecret. Create a Secret with the API key as api-key." $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .metrics.serviceMonitor.enabled (not .metrics.enabled) }}
{{- fail "metrics.serviceMonitor.enabled needs metrics.enabled. Set it to true." }}
{{- end }}
{{- if and .metrics.enabled (eq (int .metrics.port) 3030) }}
{{- fail "metrics.port is 3030, on which the servers receive requests. Set it to another port." }}
{{- end }}
{{- range $name, $_ := .podLabels }}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $name }}
{{- fail (printf "podLabels contains %s, which the chart sets. Remove it." $name) }}
{{- end }}
{{- end }}
{{- if and .ingress.enabled (not .ingress.hosts) }}
{{- fail "ingress.enabled needs a host. Add one to ingress.hosts." }}
{{- end }}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs a Gateway. Add one to httpRoute.parentRefs." }}
{{- end }}
{{- end }}
{{- end }}
