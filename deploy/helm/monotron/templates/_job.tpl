{{/* A CronJob that sends requests with the API key. Call with root, component, job (its values), container (its
command and arguments, as YAML) and, for a volume at /backups, claim. */}}
{{- define "monotron.cronJob" -}}
{{- $values := .root.Values }}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "monotron.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "monotron.labels" . | nindent 4 }}
spec:
  schedule: {{ .job.schedule | quote }}
  timeZone: {{ .job.timeZone | quote }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels: {{- include "monotron.labels" . | nindent 8 }}
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 10800
      template:
        metadata:
          labels: {{- include "monotron.labels" . | nindent 12 }}
        spec:
          {{- include "monotron.podDefaults" .root | nindent 10 }}
          restartPolicy: Never
          containers:
            - name: {{ .component }}
              {{- include "monotron.containerDefaults" .root | nindent 14 }}
              {{- .container | nindent 14 }}
              env:
                - name: MONOTRON_URL
                  value: {{ $values.url | quote }}
                - name: MONOTRON_API_KEY
                  valueFrom:
                    secretKeyRef:
                      name: {{ $values.maintenance.existingSecret }}
                      key: api-key
                {{- if $values.maintenance.caConfigMap }}
                - name: SSL_CERT_FILE
                  value: /etc/monotron-ca/ca.crt
                {{- end }}
              {{- with $values.maintenance.resources }}
              resources: {{- toYaml . | nindent 16 }}
              {{- end }}
              volumeMounts:
                - name: tmp
                  mountPath: /tmp
                {{- if $values.maintenance.caConfigMap }}
                - name: ca
                  mountPath: /etc/monotron-ca
                  readOnly: true
                {{- end }}
                {{- if .claim }}
                - name: backups
                  mountPath: /backups
                {{- end }}
          volumes:
            - name: tmp
              emptyDir: {}
            {{- with $values.maintenance.caConfigMap }}
            - name: ca
              configMap:
                name: {{ . }}
            {{- end }}
            {{- with .claim }}
            - name: backups
              persistentVolumeClaim:
                claimName: {{ . }}
            {{- end }}
{{- end }}

{{- define "monotron.backupCommand" -}}
command: [/bin/sh, -ec]
args:
  - |
    monotron backup "/backups/monotron-$(date -u +%Y-%m-%dT%H%M%SZ).db"
    find /backups -name 'monotron-*.db' -mtime +{{ int .Values.backup.retentionDays }} -delete
{{- end }}
