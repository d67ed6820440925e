// Web pages and SVG pictures that are opened from a file: they build a program, ask for a password, lead away.
// The body of a mail is judged elsewhere: mail programs run no scripts in it.

// Something a click opens: not the mail as it came, not its body, not a text that is only read.
private rule file_of_its_own {
    condition:
        part_kind != "message"
        and (filename != "" or (part_kind != "text" and part_kind != "html" and part_kind != "calendar"))
        and not extension matches /^\.(txt|log|md|csv|eml|patch|diff|c|h)$/
}

rule page_builds_program {
    meta:
        author = "sluss"
        description = "A page that hands its reader a program or archive hidden in it"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $data = /["'`](TVqQAA|TVpQAA|TVoAAA|N3q8ryc|UmFyIRo|TVNDRgAA)[A-Za-z0-9+\/]{40}/
        $blob1 = "Blob(" nocase
        $blob2 = "data:application/" nocase
        $give1 = "createObjectURL" nocase
        $give2 = "msSaveOrOpenBlob" nocase
        $give3 = "msSaveBlob" nocase
        $give4 = ".download" nocase
    condition:
        file_of_its_own and filesize < 32MB and $data and any of ($blob*) and any of ($give*)
}

rule page_builds_zip {
    meta:
        author = "sluss"
        description = "A page that hands its reader a zip hidden in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $data = /["'`]UEsDB[A-Za-z0-9+\/]{40}/
        $blob = "Blob(" nocase
        $give1 = "createObjectURL" nocase
        $give2 = "msSaveOrOpenBlob" nocase
        $click = ".click()"
    condition:
        file_of_its_own and filesize < 32MB and $data and $blob and any of ($give*) and $click
}

rule page_smuggles_file {
    meta:
        author = "sluss"
        description = "A small page that unpacks a file from itself and saves it at once"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $unpack1 = /\batob\s{0,2}\(/
        $unpack2 = "charCodeAt("
        $blob = /new\s{1,3}Blob\s{0,2}\(/
        $give1 = "createObjectURL"
        $give2 = "msSaveOrOpenBlob"
        $name1 = /\.download\s{0,2}=/
        $name2 = /setAttribute\(\s{0,2}["']download["']/
        $name3 = "msSaveOrOpenBlob("
        $click1 = ".click()"
        $click2 = "msSaveOrOpenBlob("
    condition:
        file_of_its_own and filesize < 2MB and all of ($unpack*) and $blob
        and any of ($give*) and any of ($name*) and any of ($click*)
}

rule page_posts_to_telegram {
    meta:
        author = "sluss"
        description = "A page that sends what is typed in it to a Telegram robot"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1567/"
    strings:
        $bot = /api\.telegram\.org\/bot([0-9]{6,12}:|["'`+ ${])/ nocase
        $send1 = "sendMessage" nocase
        $send2 = "sendDocument" nocase
        $ask1 = /type\s{0,3}=\s{0,3}\\?["']?password/ nocase
        $ask2 = /["']password["']/ nocase
    condition:
        file_of_its_own and filesize < 4MB and $bot and any of ($send*) and any of ($ask*)
}

rule page_password_to_php {
    meta:
        author = "sluss"
        description = "A page in a file that sends a password to a PHP page elsewhere"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $form = /<form[^>]{1,300}action\s{0,3}=\s{0,3}["']?https?:\/\/[^"'> ]{4,200}\.php/ nocase
        $ask = /type\s{0,3}=\s{0,3}["']?password/ nocase
    condition:
        file_of_its_own and filesize < 4MB and all of them
}

rule page_password_by_script {
    meta:
        author = "sluss"
        description = "A page in a file that asks for a password and sends it by script"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $ask = /type\s{0,3}=\s{0,3}\\?["']?password/ nocase
        $send1 = /\$\.(ajax|post)\s{0,2}\(/
        $send2 = /\bfetch\s{0,2}\(/
        $send3 = "XMLHttpRequest"
        $page = /<(html|body|form|input)\b/ nocase
    condition:
        file_of_its_own and filesize < 2MB and $page and $ask and any of ($send*)
        and not extension matches /^\.(js|css|ts|php|jsp|aspx?|map)$/
}

rule page_borrows_microsoft_login {
    meta:
        author = "sluss"
        description = "A page in a file dressed with the pictures of the Microsoft login"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $pic1 = "aadcdn.msauth.net" nocase
        $pic2 = "aadcdn.msftauth.net" nocase
        $pic3 = "logincdn.msauth.net" nocase
        $pic4 = "logincdn.msftauth.net" nocase
        $ask = /type\s{0,3}=\s{0,3}\\?["']?password/ nocase
    condition:
        file_of_its_own and filesize < 4MB and any of ($pic*) and $ask
}

rule page_writes_hidden_page {
    meta:
        author = "sluss"
        description = "A page that writes its real content from an encoded one"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $a = /document\.write(ln)?\s{0,2}\(\s{0,3}(window\.)?(unescape|atob|decodeURIComponent|decodeURI)\s{0,2}\(\s{0,3}["'`]/ nocase
        $b = /document\.write(ln)?\s{0,2}\(\s{0,3}(unescape|atob|decodeURIComponent)\s{0,2}\(\s{0,3}(unescape|atob|decodeURIComponent)\s{0,2}\(/ nocase
        $c = /\beval\s{0,2}\(\s{0,3}(unescape|atob|decodeURIComponent)\s{0,2}\(/ nocase
    condition:
        file_of_its_own and filesize < 8MB and any of them
}

rule page_obfuscated {
    meta:
        author = "sluss"
        description = "A page whose script has been made unreadable by an obfuscator"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $name = /_0x(0|1|2|3|4|5|6|7|8|9|a|b|c|d|e|f)[0-9a-f]{3,5}/
        $page = /<(html|body|head|script|svg)\b/ nocase
    condition:
        file_of_its_own and filesize < 8MB and $page and #name > 80
}

rule page_copies_command {
    meta:
        author = "sluss"
        description = "A page that puts a command on the clipboard for its reader to run"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1204/004/"
    strings:
        $copy1 = "clipboard.writeText" nocase
        $copy2 = /execCommand\(\s{0,2}["']copy["']/ nocase
        $run1 = /powershell(\.exe)?\s{1,4}-(w|ep|ex|en|nop|c|e)/ nocase
        $run2 = /mshta(\.exe)?\s{1,4}https?:/ nocase
        $run3 = /cmd(\.exe)?\s{1,4}\/c\s[^\r\n]{0,80}(curl|powershell|mshta|certutil|bitsadmin)/ nocase
        $run4 = /\b(iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\s[^\r\n]{1,120}\|\s{0,2}iex/ nocase
    condition:
        file_of_its_own and filesize < 4MB and any of ($copy*) and any of ($run*)
}

rule page_leads_away_encoded {
    meta:
        author = "sluss"
        description = "A page in a file that leads elsewhere by an encoded address"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $a = /location(\.href)?\s{0,2}=\s{0,2}(window\.)?(atob|unescape|decodeURIComponent)\s{0,2}\(/
        $b = /location\.(replace|assign)\s{0,2}\(\s{0,2}(window\.)?(atob|unescape|String\.fromCharCode)\s{0,2}\(/
        $c = /window\.open\s{0,2}\(\s{0,2}(window\.)?(atob|unescape)\s{0,2}\(/
    condition:
        file_of_its_own and filesize < 2MB and any of them
}

rule svg_leads_away {
    meta:
        author = "sluss"
        description = "A picture (SVG) whose script leads elsewhere"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/017/"
    strings:
        $svg = "<svg" nocase
        $script = /<script\b/ nocase
        $event = /\bonload\s{0,2}=/ nocase
        $go1 = /\blocation(\.href)?\s{0,2}=[^=]/ nocase
        $go2 = /\blocation\.(replace|assign)\s{0,2}\(/ nocase
        $go3 = /window\.open\s{0,2}\(/ nocase
        $go4 = /\blocation\[["']/ nocase
        $go5 = /\bFunction\s{0,2}\(/
        $go6 = /\beval\s{0,2}\(/
        $html = "<html" nocase
    condition:
        file_of_its_own and filesize < 4MB and $svg in (0..2048) and not $html in (0..2048)
        and any of ($script, $event) and any of ($go*)
}

rule svg_with_script {
    meta:
        author = "sluss"
        description = "A picture (SVG) with a script in it"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/017/"
    strings:
        $svg = "<svg" nocase
        $script = /<script\b/ nocase
        $html = "<html" nocase
    condition:
        file_of_its_own and filesize < 4MB and $svg in (0..2048) and not $html in (0..2048) and $script
}

rule svg_holds_page {
    meta:
        author = "sluss"
        description = "A picture (SVG) with a page inside: a frame, a form or an encoded page"
        severity = "malware"
        reference = "https://attack.mitre.org/techniques/T1027/017/"
    strings:
        $svg = "<svg" nocase
        $foreign = "<foreignObject" nocase
        $frame1 = /<(iframe|embed|object)\b/ nocase
        $frame2 = /type\s{0,2}=\s{0,2}["']?password/ nocase
        $data = "data:text/html" nocase
        $html = "<html" nocase
    condition:
        file_of_its_own and filesize < 4MB and $svg in (0..2048) and not $html in (0..2048)
        and (($foreign and any of ($frame*)) or $data)
}

rule uri_search_ms {
    meta:
        author = "sluss"
        description = "A link that opens a search in a remote folder as if it were a local one"
        severity = "malware"
        reference = "https://learn.microsoft.com/windows/win32/search/getting-started-with-parameter-value-arguments"
    strings:
        $a = /search(-ms)?:[^"'<>\s]{0,300}crumb=location:(\\\\|%5C%5C|https?)/ nocase ascii wide
    condition:
        part_kind != "message" and filesize < 8MB and $a
        and not extension matches /^\.(txt|log|md|csv)$/ and (part_kind != "text" or filename != "")
}

rule uri_ms_msdt {
    meta:
        author = "sluss"
        description = "A link that makes the support tool of Windows run commands"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2022-30190"
    strings:
        $a = /ms-msdt:[^\r\n]{0,120}(PCWDiagnostic|IT_BrowseForFile|IT_LaunchMethod|IT_RebrowseForFile)/ nocase ascii wide
    condition:
        file_of_its_own and filesize < 8MB and $a
}

rule uri_file_moniker {
    meta:
        author = "sluss"
        description = "A link to a file on another machine in a form that skips the warning"
        severity = "malware"
        reference = "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2024-21413"
    strings:
        $a = /(href|src)\s{0,2}=\s{0,2}(3D)?["']file:[\/\\]{2,5}[^"'<>\s]{3,200}\.(rtf|docx?|xlsx?|pptx?|txt|html?)![a-z0-9]/ nocase
    condition:
        filesize < 8MB and $a
}

rule uri_app_installer {
    meta:
        author = "sluss"
        description = "A link that installs an application package from an address"
        severity = "suspicious"
        reference = "https://learn.microsoft.com/windows/msix/app-installer/installing-windows10-apps-web"
    strings:
        $a = /ms-appinstaller:\?source=https?/ nocase
        $b = "<AppInstaller" nocase
        $c = /<(MainPackage|MainBundle)\b/ nocase
    condition:
        file_of_its_own and filesize < 2MB and ($a or ($b and $c))
}

rule page_leads_away_at_once {
    meta:
        author = "sluss"
        description = "A small page in a file that does nothing but lead elsewhere"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1566/001/"
    strings:
        $a = /<meta[^>]{1,60}refresh[^>]{1,60}url\s{0,2}=\s{0,2}["']?https?:/ nocase
        $b = /\b(window|document|top|self|parent)?\.?location(\.href)?\s{0,2}=\s{0,2}["'`]https?:/ nocase
        $c = /\blocation\.(replace|assign)\s{0,2}\(\s{0,2}["'`]https?:/ nocase
        $page = /<(html|head|body|script|meta)\b/ nocase
    condition:
        file_of_its_own and filesize < 4KB and $page and any of ($a, $b, $c)
        and not extension matches /^\.(js|php|aspx?|jsp|svg)$/
}

rule page_offers_data_file {
    meta:
        author = "sluss"
        description = "A page with a link whose target is a whole file, to be saved"
        severity = "suspicious"
        reference = "https://attack.mitre.org/techniques/T1027/006/"
    strings:
        $a = /href\s{0,2}=\s{0,2}["']data:application\/(octet-stream|zip|x-zip-compressed|x-msdownload|x-iso9660-image|hta|x-rar-compressed|javascript|vnd\.rar)[^"'>]{0,40};base64,/ nocase
        $b = /\sdownload\s{0,2}=/ nocase
    condition:
        part_kind != "message" and filesize < 32MB and all of them
}
